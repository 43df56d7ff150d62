/* versions: what is measured with, as one JSON object. */
#include <stdio.h>

#include <nng/nng.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <sqlite3.h>

int main(void)
{
    printf("{\"NNG\": \"%s\", \"OpenSSL\": \"%s\", \"SQLite\": \"%s\", \"protobuf-c\": \"%s\"}\n",
           nng_version(), OpenSSL_version(OPENSSL_VERSION_STRING), sqlite3_libversion(),
           protobuf_c_version());
    return 0;
}
