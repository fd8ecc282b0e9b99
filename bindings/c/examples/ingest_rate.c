/* Ingests a log in pieces into a new database, and prints the duration in seconds and the state hash:
 * ingest_rate LOG NEW-FOLDER. benches/bindings.py compares it with the same program in Rust. */
#define _POSIX_C_SOURCE 200809L
#include <convofold.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Minimum size of a piece, which ends at the next end of a line. */
#define PIECE_BYTES ((size_t)1 << 20)

static int failed(const char *what)
{
    fprintf(stderr, "cannot %s: %s\n", what, convofold_last_error_message());
    return 1;
}

static char *read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    *length = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*length);
    size_t read = bytes == NULL ? 0 : fread(bytes, 1, *length, file);
    fclose(file);
    return read == *length ? bytes : NULL;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    size_t length;
    char *log = argc == 3 ? read_file(argv[1], &length) : NULL;
    if (log == NULL) {
        fprintf(stderr, "usage: ingest_rate LOG NEW-FOLDER\n");
        return 2;
    }
    convofold_db db;
    if (convofold_open(argv[2], NULL, &db) != CONVOFOLD_OK)
        return failed("open the database");
    double started = now();
    for (size_t begin = 0, end; begin < length; begin = end) {
        const char *line_end =
            length - begin > PIECE_BYTES ? memchr(log + begin + PIECE_BYTES, '\n', length - begin - PIECE_BYTES) : NULL;
        end = line_end == NULL ? length : (size_t)(line_end - log) + 1;
        convofold_ingested ingested = {.size = sizeof ingested};
        if (convofold_ingest(db, log + begin, end - begin, NULL, &ingested, NULL) != CONVOFOLD_OK)
            return failed("ingest");
    }
    double took = now() - started;
    convofold_hash hash;
    if (convofold_state_hash(db, &hash) != CONVOFOLD_OK)
        return failed("compute the state hash");
    printf("%.6f %s\n", took, hash.hex);
    free(log);
    return convofold_close(db) == CONVOFOLD_OK ? 0 : failed("close the database");
}
