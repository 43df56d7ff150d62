// bench_grpc: the peer; see peer.hpp.
//
//     bench_grpc server PORT_FILE DIRECTORY
//     bench_grpc unary   PORT DIRECTORY SERVER_PID CONNECTIONS DEPTH SECONDS   heartbeats
//     bench_grpc connect PORT DIRECTORY SERVER_PID AT_ONCE SECONDS   new channel + Connect + close
//     bench_grpc version
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <grpcpp/grpcpp.h>
#include <sstream>

#include "tests/bench/grpc/peer.hpp"

void Die(const std::string &what)
{
    std::fprintf(stderr, "bench_grpc: %s\n", what.c_str());
    std::_Exit(1);
}

static std::string ReadFile(const std::string &path)
{
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) {
        Die(path);
    }
    return text.str();
}

Certificates ReadCertificates(const std::string &directory, const char *own, const char *other)
{
    const std::string base = directory + "/";
    return {ReadFile(base + own + ".crt"), ReadFile(base + own + ".key"),
            ReadFile(base + other + ".crt")};
}

int main(int argc, char **argv)
{
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "version" && argc == 2) {
        std::printf("{\"gRPC C++\": \"%s\"}\n", grpc::Version().c_str());
        return 0;
    }
    if (verb == "server" && argc == 4) {
        return RunServer(argv[2], argv[3]);
    }
    if (verb == "unary" && argc == 8) {
        return RunUnary(argv[2], argv[3], std::atol(argv[4]), std::strtoul(argv[5], nullptr, 10),
                        std::strtoul(argv[6], nullptr, 10), std::atof(argv[7]));
    }
    if (verb == "connect" && argc == 7) {
        return RunConnect(argv[2], argv[3], std::atol(argv[4]), std::strtoul(argv[5], nullptr, 10),
                          std::atof(argv[6]));
    }
    std::fprintf(stderr, "usage: bench_grpc server|unary|connect ...; see the head of main.cc\n");
    return 2;
}
