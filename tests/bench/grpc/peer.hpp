// The peer of the benchmarks: what gRPC C++ does with the same messages over mutual TLS 1.3.
// A measuring tool: it ends at the first thing that goes wrong.
#pragma once

#include <string>

// The directory holds server.crt, server.key, client.crt and client.key, all PEM.
struct Certificates {
    std::string own_certificate;
    std::string own_key;
    std::string other_certificate; // is trusted
};
Certificates ReadCertificates(const std::string &directory, const char *own, const char *other);

[[noreturn]] void Die(const std::string &what);

int RunServer(const char *port_file, const std::string &directory);

// One of them runs, and prints one JSON object with the keys of bench_fleet and bench_floor.
int RunUnary(const std::string &port, const std::string &directory, long server_pid,
             size_t n_connections, size_t depth, double seconds);
int RunConnect(const std::string &port, const std::string &directory, long server_pid,
               size_t at_once, double seconds);
