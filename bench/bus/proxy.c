/* SPDX-License-Identifier: Apache-2.0
 *
 * proxy.c: the program build/bench/bus-proxy: libzmq's own broker of PUB and SUB, an XSUB and an XPUB with zmq_proxy
 * between them. Without high-water marks: whoever measures bounds what is on its way. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <zmq.h>

static void *bound(void *context, int type, char *where, size_t where_bytes)
{
    int none = 0;
    void *socket = zmq_socket(context, type);
    if (socket == NULL || zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none) != 0 ||
        zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none) != 0 ||
        zmq_bind(socket, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, where, &where_bytes) != 0)
        return NULL;
    return socket;
}

static void end(int number)
{
    (void)number;
    _exit(0);
}

int main(void)
{
    char publishers[64], subscribers[64];
    int major, minor, patch;
    void *context = zmq_ctx_new();
    void *front = bound(context, ZMQ_XSUB, publishers, sizeof publishers);
    void *back = bound(context, ZMQ_XPUB, subscribers, sizeof subscribers);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    if (front == NULL || back == NULL) {
        fprintf(stderr, "bus-proxy: %s\n", zmq_strerror(zmq_errno()));
        return 1;
    }
    zmq_version(&major, &minor, &patch);
    printf("proxy of libzmq %d.%d.%d listening on %s for publishers, %s for subscribers\n", major, minor,
           patch, publishers, subscribers);
    fflush(stdout);
    zmq_proxy(front, back, NULL);
    return 0;
}
