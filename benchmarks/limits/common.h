/* What the limit programs share: a connection with or without TLS, buffers that threads hand on, and the figures. */

#ifndef COMMON_H
#define COMMON_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stddef.h>

enum { PIECE = 2 * 1024 * 1024, PIECES = 4, HEADER = 64 * 1024 };

/* Ends the program with a text on stderr. */
void fail(const char *what);

/* Seconds, on a clock that only goes forward. */
double now(void);

struct connection {
    int socket;
    SSL *tls; /* NULL: plain */
};

/* Connects; with the file of a certificate, by TLS, and trusting that one alone. */
struct connection connect_to(const char *host, const char *port, const char *certificate);
void send_all(struct connection *to, const void *data, size_t length);
/* What came, at least one byte; 0 at the end. */
size_t receive(struct connection *from, void *buffer, size_t room);

/* An answer's header, in a buffer of HEADER bytes. Gives where its body begins; `*have` tells where what came ends. */
size_t receive_header(struct connection *from, char *buffer, size_t *have);
/* A header's value, copied; its name in lower case, with the colon. Fails where it is missing. */
void header_value(const char *header, const char *name, char *value, size_t room);

/* Pieces on their way from one thread, which fills them, to one or two others. */
struct piece {
    unsigned char *data;
    size_t length;
};

struct pipeline {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct piece pieces[PIECES];
    size_t put, taken[2];
    int takers, ended;
};

void pipeline_open(struct pipeline *pipeline, int takers, int with_buffers);
/* Waits until the next piece is free for filling. */
struct piece *pipeline_free(struct pipeline *pipeline);
void pipeline_put(struct pipeline *pipeline);
void pipeline_end(struct pipeline *pipeline);
/* Waits for the next piece; NULL at the end. */
struct piece *pipeline_next(struct pipeline *pipeline, int taker);
void pipeline_taken(struct pipeline *pipeline, int taker);

/* A thread that hashes what comes along. */
struct hashing {
    struct pipeline *pipeline;
    char digest[80]; /* afterwards: sha256:... */
    pthread_t thread;
};

void hashing_start(struct hashing *hashing, struct pipeline *pipeline);
void hashing_join(struct hashing *hashing);

/* Prints one line of JSON: seconds, bytes, peak memory, digest. */
void tell(double seconds, size_t bytes, const char *digest);

#endif
