// The client's side: asynchronous, a channel with a connection of its own for each connection; one
// completion queue, as server.cc tells.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <openclaw/v1/pairing.grpc.pb.h>
#include <thread>
#include <vector>

#include "tests/bench/grpc/peer.hpp"
#include "tests/bench/measure.h"

namespace v1 = openclaw::v1;
using grpc::CompletionQueue;
using v1::PairingService;

namespace
{

constexpr size_t kLatencyBuckets = 200000; // of one microsecond; the last holds the rest

struct Load {
    std::string target;
    std::shared_ptr<grpc::ChannelCredentials> credentials;
    std::atomic<uint64_t> n_done{0};
    std::atomic<bool> is_over{false};
    std::vector<std::atomic<uint32_t>> latency_us;

    Load() : latency_us(kLatencyBuckets)
    {
    }
};

void Prepare(Load *load, const std::string &port, const std::string &directory)
{
    const Certificates files = ReadCertificates(directory, "client", "server");
    load->target = "127.0.0.1:" + port;
    load->credentials =
        grpc::SslCredentials({files.other_certificate, files.own_key, files.own_certificate});
}

// Without this, channels to one target share a connection.
std::shared_ptr<grpc::Channel> OpenChannel(const Load &load)
{
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(load.target, load.credentials, arguments);
}

class Call
{
  public:
    virtual ~Call() = default;
    virtual void Done() = 0;
};

// Heartbeats on one channel, one after the other.
class HeartbeatCall : public Call
{
  public:
    HeartbeatCall(Load *load, PairingService::Stub *stub, CompletionQueue *queue, bool is_timed)
        : load_(load), stub_(stub), queue_(queue), is_timed_(is_timed)
    {
    }

    void Send()
    {
        context_ = std::make_unique<grpc::ClientContext>();
        request_.set_sequence(request_.sequence() + 1);
        sent_ns_ = is_timed_ ? measure_now_ns() : 0;
        reader_ = stub_->AsyncHeartbeat(context_.get(), request_, queue_);
        reader_->Finish(&reply_, &status_, this);
    }

    void Done() override
    {
        if (!status_.ok() || reply_.sequence() != request_.sequence()) {
            Die("heartbeat: " + status_.error_message());
        }
        load_->n_done.fetch_add(1, std::memory_order_relaxed);
        if (is_timed_) {
            const uint64_t us = (measure_now_ns() - sent_ns_) / 1000;
            load_->latency_us[us < kLatencyBuckets ? us : kLatencyBuckets - 1]++;
        }
        if (!load_->is_over) {
            Send();
        }
    }

  private:
    Load *load_;
    PairingService::Stub *stub_;
    CompletionQueue *queue_;
    bool is_timed_;
    uint64_t sent_ns_ = 0;
    v1::HeartbeatRequest request_;
    v1::HeartbeatReply reply_;
    grpc::Status status_;
    std::unique_ptr<grpc::ClientContext> context_;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::HeartbeatReply>> reader_;
};

// A new channel, Connect as an agent sends it, and the end of the channel.
class ConnectCall : public Call
{
  public:
    ConnectCall(Load *load, CompletionQueue *queue) : load_(load), queue_(queue)
    {
        request_.set_name("fleet");
        request_.set_nonce_commitment(std::string(32, 'n'));
        request_.set_instance_id(std::string(16, '\0'));
        request_.set_boot_id(std::string(16, '\0'));
        request_.set_host_hint(std::string(16, '\0'));
    }

    void Send()
    {
        context_ = std::make_unique<grpc::ClientContext>();
        stub_ = PairingService::NewStub(OpenChannel(*load_));
        reader_ = stub_->AsyncConnect(context_.get(), request_, queue_);
        reader_->Finish(&reply_, &status_, this);
    }

    void Done() override
    {
        if (!status_.ok() || !reply_.has_session()) {
            Die("connect: " + status_.error_message());
        }
        load_->n_done.fetch_add(1, std::memory_order_relaxed);
        reader_.reset();
        context_.reset();
        stub_.reset();
        if (!load_->is_over) {
            Send();
        }
    }

  private:
    Load *load_;
    CompletionQueue *queue_;
    v1::ConnectRequest request_;
    v1::ConnectReply reply_;
    grpc::Status status_;
    std::unique_ptr<PairingService::Stub> stub_;
    std::unique_ptr<grpc::ClientContext> context_;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::ConnectReply>> reader_;
};

void Drive(CompletionQueue *queue)
{
    void *tag;
    bool ok;
    while (queue->Next(&tag, &ok)) {
        static_cast<Call *>(tag)->Done();
    }
}

size_t LatencyUs(const Load &load, double share)
{
    uint64_t total = 0;
    for (const auto &n : load.latency_us) {
        total += n;
    }
    uint64_t seen = 0;
    size_t us = 0;
    while (us < kLatencyBuckets - 1 &&
           static_cast<double>(seen += load.latency_us[us]) < share * static_cast<double>(total)) {
        us++;
    }
    return us;
}

// From now on for so long; ends the process, as nothing is of use later.
[[noreturn]] void Measure(Load *load, const char *metric, long server_pid, double seconds,
                          bool is_timed)
{
    for (auto &n : load->latency_us) {
        n = 0;
    }
    const double server_cpu_s = measure_cpu_s(server_pid);
    const double own_cpu_s = measure_own_cpu_s();
    const uint64_t n_before = load->n_done;
    const uint64_t start_ns = measure_now_ns();
    measure_sleep_until(start_ns + static_cast<uint64_t>(seconds * 1e9));
    const double n = static_cast<double>(load->n_done - n_before);
    const double took_s = static_cast<double>(measure_now_ns() - start_ns) / 1e9;
    const double per_100k = n > 0 ? 1e5 / n : 0;
    std::printf("{\"%s\": %.1f, \"server_cpu_s_per_100k\": %.3f, \"client_cpu_s_per_100k\": %.3f",
                metric, n / took_s, (measure_cpu_s(server_pid) - server_cpu_s) * per_100k,
                (measure_own_cpu_s() - own_cpu_s) * per_100k);
    if (is_timed) {
        std::printf(", \"p50_us\": %zu, \"p99_us\": %zu", LatencyUs(*load, 0.5),
                    LatencyUs(*load, 0.99));
    }
    std::printf("}\n");
    std::fflush(stdout);
    std::_Exit(0);
}

} // namespace

int RunUnary(const std::string &port, const std::string &directory, long server_pid,
             size_t n_connections, size_t depth, double seconds)
{
    static Load load;
    static CompletionQueue queue;
    Prepare(&load, port, directory);
    std::vector<std::unique_ptr<PairingService::Stub>> stubs;
    std::vector<std::unique_ptr<HeartbeatCall>> calls;
    for (size_t i = 0; i < n_connections; i++) {
        const std::shared_ptr<grpc::Channel> channel = OpenChannel(load);
        if (!channel->WaitForConnected(std::chrono::system_clock::now() +
                                       std::chrono::seconds(60))) {
            Die("not connected");
        }
        stubs.push_back(PairingService::NewStub(channel));
        for (size_t k = 0; k < depth; k++) {
            calls.push_back(
                std::make_unique<HeartbeatCall>(&load, stubs.back().get(), &queue, depth == 1));
        }
    }
    for (const auto &call : calls) {
        call->Send();
    }
    std::thread(Drive, &queue).detach();
    Measure(&load, "requests_per_s", server_pid, seconds, depth == 1);
}

int RunConnect(const std::string &port, const std::string &directory, long server_pid,
               size_t at_once, double seconds)
{
    static Load load;
    static CompletionQueue queue;
    Prepare(&load, port, directory);
    std::vector<std::unique_ptr<ConnectCall>> calls;
    for (size_t i = 0; i < at_once; i++) {
        calls.push_back(std::make_unique<ConnectCall>(&load, &queue));
        calls.back()->Send();
    }
    std::thread(Drive, &queue).detach();
    Measure(&load, "connects_per_s", server_pid, seconds, false);
}
