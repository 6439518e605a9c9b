/* What the limit programs share. */

#include "common.h"

#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void fail(const char *what) {
    perror(what);
    exit(1);
}

double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

struct connection connect_to(const char *host, const char *port, const char *certificate) {
    struct connection made = {-1, NULL};
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        fail(host);
    made.socket = socket(found->ai_family, SOCK_STREAM, 0);
    if (made.socket < 0 || connect(made.socket, found->ai_addr, found->ai_addrlen) != 0)
        fail("connect");
    freeaddrinfo(found);
    int yes = 1;
    setsockopt(made.socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (certificate) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        if (SSL_CTX_load_verify_locations(context, certificate, NULL) != 1)
            fail(certificate);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        made.tls = SSL_new(context);
        SSL_set_fd(made.tls, made.socket);
        if (SSL_connect(made.tls) != 1)
            fail("TLS");
    }
    return made;
}

void send_all(struct connection *to, const void *data, size_t length) {
    const char *at = data;
    while (length > 0) {
        ssize_t sent = to->tls ? SSL_write(to->tls, at, length > PIECE ? PIECE : (int)length)
                               : send(to->socket, at, length, MSG_NOSIGNAL);
        if (sent <= 0)
            fail("send");
        at += sent;
        length -= (size_t)sent;
    }
}

size_t receive(struct connection *from, void *buffer, size_t room) {
    ssize_t came = from->tls ? SSL_read(from->tls, buffer, (int)room) : recv(from->socket, buffer, room, 0);
    if (came < 0)
        fail("receive");
    return (size_t)came;
}

size_t receive_header(struct connection *from, char *buffer, size_t *have) {
    *have = 0;
    while (*have < HEADER - 1) {
        size_t came = receive(from, buffer + *have, HEADER - 1 - *have);
        if (came == 0)
            break;
        *have += came;
        buffer[*have] = '\0';
        char *end = strstr(buffer, "\r\n\r\n");
        if (end) {
            for (char *at = buffer; at < end; at++) /* names in lower case, values as they came */
                if (at > buffer && at[-1] == '\n')
                    for (; at < end && *at != ':'; at++)
                        *at = (char)tolower(*at);
            return (size_t)(end + 4 - buffer);
        }
    }
    fail("an answer without a header");
    return 0;
}

void header_value(const char *header, const char *name, char *value, size_t room) {
    const char *at = strstr(header, name);
    if (!at)
        fail(name);
    at += strlen(name);
    at += strspn(at, " ");
    size_t length = strcspn(at, "\r\n");
    if (length >= room)
        fail(name);
    memcpy(value, at, length);
    value[length] = '\0';
}

void pipeline_open(struct pipeline *pipeline, int takers, int with_buffers) {
    memset(pipeline, 0, sizeof *pipeline);
    pthread_mutex_init(&pipeline->lock, NULL);
    pthread_cond_init(&pipeline->moved, NULL);
    pipeline->takers = takers;
    for (int i = 0; with_buffers && i < PIECES; i++)
        if (!(pipeline->pieces[i].data = aligned_alloc(4096, PIECE)))
            fail("memory");
}

static size_t behind(const struct pipeline *pipeline) {
    size_t least = pipeline->taken[0];
    return pipeline->takers == 2 && pipeline->taken[1] < least ? pipeline->taken[1] : least;
}

struct piece *pipeline_free(struct pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    while (pipeline->put - behind(pipeline) == PIECES)
        pthread_cond_wait(&pipeline->moved, &pipeline->lock);
    pthread_mutex_unlock(&pipeline->lock);
    return &pipeline->pieces[pipeline->put % PIECES];
}

static void step(struct pipeline *pipeline, size_t *count) {
    pthread_mutex_lock(&pipeline->lock);
    ++*count;
    pthread_cond_broadcast(&pipeline->moved);
    pthread_mutex_unlock(&pipeline->lock);
}

void pipeline_put(struct pipeline *pipeline) {
    step(pipeline, &pipeline->put);
}

void pipeline_end(struct pipeline *pipeline) {
    pthread_mutex_lock(&pipeline->lock);
    pipeline->ended = 1;
    pthread_cond_broadcast(&pipeline->moved);
    pthread_mutex_unlock(&pipeline->lock);
}

struct piece *pipeline_next(struct pipeline *pipeline, int taker) {
    pthread_mutex_lock(&pipeline->lock);
    while (pipeline->taken[taker] == pipeline->put && !pipeline->ended)
        pthread_cond_wait(&pipeline->moved, &pipeline->lock);
    int there = pipeline->taken[taker] < pipeline->put;
    pthread_mutex_unlock(&pipeline->lock);
    return there ? &pipeline->pieces[pipeline->taken[taker] % PIECES] : NULL;
}

void pipeline_taken(struct pipeline *pipeline, int taker) {
    step(pipeline, &pipeline->taken[taker]);
}

static void *hash(void *argument) {
    struct hashing *hashing = argument;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    for (struct piece *piece; (piece = pipeline_next(hashing->pipeline, 0)); pipeline_taken(hashing->pipeline, 0))
        EVP_DigestUpdate(context, piece->data, piece->length);
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int length;
    EVP_DigestFinal_ex(context, raw, &length);
    char *at = hashing->digest + sprintf(hashing->digest, "sha256:");
    for (unsigned int i = 0; i < length; i++)
        at += sprintf(at, "%02x", raw[i]);
    EVP_MD_CTX_free(context);
    return NULL;
}

void hashing_start(struct hashing *hashing, struct pipeline *pipeline) {
    hashing->pipeline = pipeline;
    pthread_create(&hashing->thread, NULL, hash, hashing);
}

void hashing_join(struct hashing *hashing) {
    pthread_join(hashing->thread, NULL);
}

void tell(double seconds, size_t bytes, const char *digest) {
    char line[256];
    long peak = 0;
    FILE *status = fopen("/proc/self/status", "r"); /* getrusage would count what was there before exec, too */
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmHWM: %ld", &peak);
    if (status)
        fclose(status);
    printf("{\"seconds\": %.6f, \"count\": %zu, \"rss_kib\": %ld, \"digest\": \"%s\"}\n", seconds, bytes, peak, digest);
}
