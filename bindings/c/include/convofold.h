/*
 * convofold: live-chat events in, the durable state of every conversation out.
 *
 * This file is generated. To change it, change the Rust code and run
 *     just generate
 *
 * In general, where a function does not say otherwise:
 *
 * Errors. Almost every function returns a convofold_error, which is CONVOFOLD_OK (0) where all went well. Then all that it
 * gives out is set; otherwise nothing is, or it is NULL or cleared. convofold_last_error_message() says more, for this thread. A null pointer where
 * none may be, text that is not UTF-8 and a handle that was closed or never opened are errors, and not undefined behaviour.
 * A panic inside is an error too. What cannot be found out is a pointer to something that is not there. Every function can
 * return INVALID_ARGUMENT, NOT_UTF8 and INTERNAL, and where it takes a handle BAD_HANDLE and CLOSED; the functions name the
 * others, without CONVOFOLD_ERROR_ in front.
 *
 * Handles. A handle is a number in a struct of its own: it may be copied, kept and compared. Closing it twice, or using a
 * copy of it after that, is an error. A handle that is all zeros is none.
 *
 * Ownership. What is handed in stays the caller's, and is not kept beyond the call. Text that is given out through a
 * `char **` belongs to the caller and goes with convofold_string_free().
 *
 * Threads. Every function may be called from any thread, also with the same handle at the same time; closing something while
 * another thread uses it makes that thread's call end well or with CONVOFOLD_ERROR_CLOSED. Not after fork() in the child.
 *
 * Text. UTF-8 that ends with a NUL. (So a conversation whose id holds a NUL cannot be asked for by it; lists and exports have
 * it.) Paths on Unix are bytes as the system has them.
 *
 * Times are milliseconds since 1970 in UTC.
 *
 * Structs that begin with `size` grow with new versions. Set it to sizeof of the struct and all else to zero, as in
 *     convofold_query query = {.size = sizeof query};
 * Zero, or NULL, in a field asks for its default.
 *
 * Callbacks are called in the thread that made the call, but for those of convofold_subscribe(). They may call convofold
 * functions, and must return: no exception, no longjmp.
 */


#ifndef CONVOFOLD_H
#define CONVOFOLD_H

#include <stddef.h>
#include <stdint.h>

/**
 * Which source an input comes from.
 */
typedef enum {
    /**
     * Detected for each object.
     */
    CONVOFOLD_FORMAT_AUTO = 0,
    /**
     * Airship Live Chat, in both envelopes.
     */
    CONVOFOLD_FORMAT_AIRSHIP = 1,
    /**
     * SuperOffice chat webhooks.
     */
    CONVOFOLD_FORMAT_SUPEROFFICE = 2,
    /**
     * convofold's own form, in which every event can be written and read back: `{"convofold":1,...}`.
     */
    CONVOFOLD_FORMAT_CONVOFOLD = 3,
} convofold_format;

/**
 * The version of the interface that this header describes. A library is of use to a program only where
 * convofold_abi_version() says the same; the name of the shared library, libconvofold.so.1, sees to that.
 */
#define CONVOFOLD_ABI_VERSION 1

/**
 * What a function returns where all went well: CONVOFOLD_ERROR_NONE.
 */
#define CONVOFOLD_OK 0

/**
 * What stands where there is no time.
 */
#define CONVOFOLD_NO_TIME -1

/**
 * How many buckets a convofold_latency has.
 */
#define CONVOFOLD_LATENCY_BUCKETS 29

/**
 * Why something was not done, by what can be done about it. New ones may come: take an unknown one as
 * CONVOFOLD_ERROR_OTHER.
 */
typedef enum {
    /**
     * All went well. The same as CONVOFOLD_OK.
     */
    CONVOFOLD_ERROR_NONE = 0,
    /**
     * Something that was handed in cannot be: a null pointer, an unknown number, a `size` that is none. A fault of the
     * program.
     */
    CONVOFOLD_ERROR_INVALID_ARGUMENT = 1,
    /**
     * A text is not UTF-8.
     */
    CONVOFOLD_ERROR_NOT_UTF8 = 2,
    /**
     * It is no handle, or one of another kind. A fault of the program.
     */
    CONVOFOLD_ERROR_BAD_HANDLE = 3,
    /**
     * It was closed, or the database that it belongs to was.
     */
    CONVOFOLD_ERROR_CLOSED = 4,
    /**
     * The database is open already, here or in another process.
     */
    CONVOFOLD_ERROR_ALREADY_OPEN = 5,
    /**
     * There is no database in this folder, or no such file.
     */
    CONVOFOLD_ERROR_NOT_FOUND = 6,
    /**
     * The folder, or the file, holds something else, which was not touched; or it is there already.
     */
    CONVOFOLD_ERROR_EXISTS = 7,
    /**
     * The database or the backup has a form that this version of convofold does not know.
     */
    CONVOFOLD_ERROR_UNKNOWN_FORMAT = 8,
    /**
     * The database or the backup is damaged. convofold_repair() saves what can be read; or restore it from a backup.
     */
    CONVOFOLD_ERROR_DAMAGED = 9,
    /**
     * The system or the storage underneath failed. The message says how.
     */
    CONVOFOLD_ERROR_IO = 10,
    /**
     * An earlier write failed, and the database takes no more. Open it again, and send again what was not acknowledged: what
     * is there already counts as duplicate.
     */
    CONVOFOLD_ERROR_POISONED = 11,
    /**
     * Something is larger than allowed.
     */
    CONVOFOLD_ERROR_TOO_LARGE = 12,
    /**
     * It is in use; try again when that has ended.
     */
    CONVOFOLD_ERROR_BUSY = 13,
    /**
     * The event is no longer in the log, because its beginning was trimmed.
     */
    CONVOFOLD_ERROR_DROPPED = 14,
    /**
     * The text is no cursor, or one of an answer in another order.
     */
    CONVOFOLD_ERROR_BAD_CURSOR = 15,
    /**
     * A callback said to stop.
     */
    CONVOFOLD_ERROR_STOPPED = 16,
    /**
     * It would wait for itself: the callback of a subscription cannot end that subscription so.
     */
    CONVOFOLD_ERROR_WOULD_DEADLOCK = 17,
    /**
     * Something else. The message says what.
     */
    CONVOFOLD_ERROR_OTHER = 18,
    /**
     * A fault of convofold: please report it, with the message.
     */
    CONVOFOLD_ERROR_INTERNAL = 19,
} convofold_error;

/**
 * The order of an answer.
 */
typedef enum {
    /**
     * The one active last comes first.
     */
    CONVOFOLD_SORT_ACTIVITY = 0,
    /**
     * The one that waits longest comes first; those that do not wait come last.
     */
    CONVOFOLD_SORT_WAITING = 1,
    /**
     * The one that began first comes first.
     */
    CONVOFOLD_SORT_STARTED = 2,
} convofold_sort;

/**
 * What can be asked for by `flags`, where a function says so.
 */
typedef enum {
    /**
     * Opening: the database must be there, none is made. So a misspelt path is an error.
     */
    CONVOFOLD_FLAG_MUST_EXIST = 1,
    /**
     * Ingest: answered when the events are counted; they reach the disk within `sync_interval_ms`. Up to then a power cut
     * loses them, and a killed process may.
     */
    CONVOFOLD_FLAG_BUFFERED = 2,
    /**
     * Query: those that nobody is assigned to; not together with `agent`.
     */
    CONVOFOLD_FLAG_UNASSIGNED = 4,
    /**
     * Query: those with a suspicion only.
     */
    CONVOFOLD_FLAG_SUSPECT = 8,
    /**
     * Replay: a checkpoint is written at the end.
     */
    CONVOFOLD_FLAG_CHECKPOINT = 16,
} convofold_flag;

/**
 * How a database is opened. The defaults are meant to be left alone.
 */
typedef struct {
    /**
     * sizeof(convofold_options).
     */
    size_t size;
    /**
     * CONVOFOLD_FLAG_MUST_EXIST, or 0.
     */
    uint32_t flags;
    /**
     * How many threads parse in a replay. Default: one a processor.
     */
    uint32_t parse_threads;
    /**
     * About how many bytes of memory conversations may take. Default: 256 MiB. Where they need more, those that were closed
     * or left alone for longest are read from the disk when they are asked for by id.
     */
    uint64_t memory_bytes;
    /**
     * How many requests wait for the writer before a further one blocks. Default: 256.
     */
    uint64_t queue_submissions;
    /**
     * How many events are made durable together at most. Default: 8,192.
     */
    uint64_t group_max_events;
    /**
     * How many bytes of events are made durable together at most. Default: 2 MiB.
     */
    uint64_t group_max_bytes;
    /**
     * After how many ms a buffered event is on the disk. Default: 100.
     */
    uint64_t sync_interval_ms;
    /**
     * How much log is written before a checkpoint is, in bytes. Default: 64 MiB.
     */
    uint64_t checkpoint_log_bytes;
    /**
     * How much a block of the log holds, in bytes. Default: 1 MiB.
     */
    uint64_t block_bytes;
    /**
     * The size of segments of the file, fixed when the database is made. Default: 2 MiB.
     */
    uint64_t segment_bytes;
    /**
     * How much the storage underneath caches. Default: 64 MiB.
     */
    uint64_t cache_bytes;
    /**
     * The longest line of an input. Default: 1 MiB.
     */
    uint64_t max_line_bytes;
    /**
     * The longest id. Default: 1 KiB.
     */
    uint64_t max_id_bytes;
    /**
     * The longest document over several lines. Default: 64 MiB.
     */
    uint64_t max_document_bytes;
} convofold_options;

/**
 * An open database.
 */
typedef struct {
    /**
     * A number that stands for it.
     */
    uint64_t id;
} convofold_db;

/**
 * How a request is taken.
 */
typedef struct {
    /**
     * sizeof(convofold_ingest_options).
     */
    size_t size;
    /**
     * A convofold_format.
     */
    uint32_t format;
    /**
     * CONVOFOLD_FLAG_BUFFERED, or 0.
     */
    uint32_t flags;
    /**
     * The name of a bookmark that is set with the last of the events, or NULL: after any crash convofold_bookmark() tells how
     * far the program was with its source. At most 256 bytes.
     */
    const char *bookmark_name;
    /**
     * What it is set to; at most 4 KiB.
     */
    const void *bookmark_value;
    /**
     * How many bytes that has.
     */
    size_t bookmark_length;
} convofold_ingest_options;

/**
 * What became of a request.
 */
typedef struct {
    /**
     * sizeof(convofold_ingested).
     */
    size_t size;
    /**
     * Events found in it: the next four together.
     */
    uint64_t events;
    /**
     * The latest of their conversations.
     */
    uint64_t applied;
    /**
     * Placed before events that were known already.
     */
    uint64_t late;
    /**
     * Known already.
     */
    uint64_t duplicates;
    /**
     * At odds with another event of the same identity.
     */
    uint64_t conflicts;
    /**
     * No business of convofold's: blank lines, keep-alives, other events.
     */
    uint64_t ignored;
    /**
     * What cannot be an event.
     */
    uint64_t rejected;
} convofold_ingested;

/**
 * How far a replay is.
 */
typedef struct {
    /**
     * Bytes read of all inputs, as they lie on the disk.
     */
    uint64_t bytes_read;
    /**
     * Of so many; 0 where that is not known.
     */
    uint64_t bytes_total;
    /**
     * Events submitted so far, those of earlier runs included.
     */
    uint64_t events;
    /**
     * Events a second in this run.
     */
    double events_per_second;
    /**
     * How many ms this run has taken.
     */
    uint64_t elapsed_ms;
    /**
     * The input that is being replayed.
     */
    const char *input;
} convofold_progress;

/**
 * Is told of the progress, ten times a second at most, and once at the end. What it is told is good until it returns.
 * Anything but 0 stops the replay.
 */
typedef int32_t (*convofold_on_progress)(void *user_data, const convofold_progress *progress);

/**
 * Is told of what cannot be an event, as a JSON object (see convofold_ingest()), and of its input. Both are good until it
 * returns. Anything but 0 stops the replay.
 */
typedef int32_t (*convofold_on_rejection)(void *user_data, const char *input, const char *json);

/**
 * How a replay is done.
 */
typedef struct {
    /**
     * sizeof(convofold_replay_options).
     */
    size_t size;
    /**
     * A convofold_format.
     */
    uint32_t format;
    /**
     * CONVOFOLD_FLAG_CHECKPOINT, or 0.
     */
    uint32_t flags;
    /**
     * Or NULL.
     */
    convofold_on_progress on_progress;
    /**
     * Or NULL.
     */
    convofold_on_rejection on_rejection;
    /**
     * What the callbacks get.
     */
    void *user_data;
} convofold_replay_options;

/**
 * A text in something that the library holds. There is a NUL behind it, so it can be printed as it stands; where the text
 * itself holds one, the length says so.
 */
typedef struct {
    /**
     * The text in UTF-8; NULL where there is none.
     */
    const char *data;
    /**
     * How many bytes it has, without the NUL.
     */
    size_t length;
} convofold_text;

/**
 * Which open conversations are wanted: those for which every condition holds that is given. All zeros wants all of them.
 */
typedef struct {
    /**
     * sizeof(convofold_query).
     */
    size_t size;
    /**
     * CONVOFOLD_FLAG_UNASSIGNED and CONVOFOLD_FLAG_SUSPECT, or 0.
     */
    uint32_t flags;
    /**
     * A convofold_sort.
     */
    uint32_t sort;
    /**
     * The agent's id or name.
     */
    const char *agent;
    /**
     * The member's name, business id or channel id.
     */
    const char *member;
    /**
     * The member's number.
     */
    const char *number;
    /**
     * The tenant.
     */
    const char *tenant;
    /**
     * The shortcode.
     */
    const char *shortcode;
    /**
     * The channel of the latest message.
     */
    const char *channel;
    /**
     * At least so many unread messages.
     */
    uint64_t unread_min;
    /**
     * Last active at this time or before.
     */
    int64_t idle_since_ms;
    /**
     * Waiting for an answer since this time or before.
     */
    int64_t waiting_since_ms;
    /**
     * At most so many at once. 0: all.
     */
    uint64_t limit;
    /**
     * Where the page before this one ended: its `next`. It stays good while events arrive.
     */
    convofold_text cursor;
} convofold_query;

/**
 * An open conversation, as far as a list shows it. convofold_state_json() has the whole.
 */
typedef struct {
    /**
     * The id.
     */
    convofold_text id;
    /**
     * The tenant.
     */
    convofold_text tenant;
    /**
     * The channel of the latest message.
     */
    convofold_text channel;
    /**
     * The assigned agent's id.
     */
    convofold_text agent_id;
    /**
     * The assigned agent's name.
     */
    convofold_text agent_name;
    /**
     * The member's name.
     */
    convofold_text member_name;
    /**
     * The member's number.
     */
    convofold_text member_number;
    /**
     * The member's id at the business.
     */
    convofold_text member_business_id;
    /**
     * The member's channel id.
     */
    convofold_text member_channel_id;
    /**
     * The shortcode.
     */
    convofold_text shortcode;
    /**
     * Unread messages.
     */
    uint64_t unread;
    /**
     * When it began.
     */
    int64_t started_at;
    /**
     * When it was last active.
     */
    int64_t last_active_at;
    /**
     * The time of the first message that waits for an answer; CONVOFOLD_NO_TIME where none does.
     */
    int64_t waiting_since;
    /**
     * 1 where there is a suspicion, else 0.
     */
    uint32_t suspect;
} convofold_row;

/**
 * A page of open conversations.
 *
 * Ownership: all that it points to is the library's, and good until the page is closed.
 */
typedef struct {
    /**
     * A number that stands for it.
     */
    uint64_t id;
    /**
     * The conversations, in order.
     */
    const convofold_row *rows;
    /**
     * How many.
     */
    size_t count;
    /**
     * The cursor of the next page; its `data` is NULL where this is the last one.
     */
    convofold_text next;
} convofold_page;

/**
 * Figures about a database.
 */
typedef struct {
    /**
     * sizeof(convofold_stats).
     */
    size_t size;
    /**
     * All conversations.
     */
    uint64_t conversations;
    /**
     * The open ones.
     */
    uint64_t open;
    /**
     * Those that are in memory, open or closed.
     */
    uint64_t resident;
    /**
     * About how many bytes these take.
     */
    uint64_t resident_bytes;
    /**
     * The first event that the log has, or will have: 1, unless its beginning was trimmed.
     */
    uint64_t first_seq;
    /**
     * The last event in the log; 0 where there is none.
     */
    uint64_t last_seq;
    /**
     * The last event that survives a power cut.
     */
    uint64_t durable_seq;
    /**
     * Blocks in the log.
     */
    uint64_t blocks;
    /**
     * What the log takes, compressed.
     */
    uint64_t log_bytes;
    /**
     * The last event in the last checkpoint; 0 where there is none.
     */
    uint64_t checkpoint_seq;
    /**
     * What the database takes on the disk.
     */
    uint64_t disk_bytes;
} convofold_stats;

/**
 * How often something took how long.
 */
typedef struct {
    /**
     * Bucket i counts what took up to 2^i microseconds and more than the bucket before; the last one everything above.
     */
    uint64_t buckets[CONVOFOLD_LATENCY_BUCKETS];
    /**
     * All times together, in microseconds.
     */
    uint64_t sum_us;
} convofold_latency;

/**
 * What a database has done since it was opened, and how it stands now.
 */
typedef struct {
    /**
     * sizeof(convofold_counters).
     */
    size_t size;
    /**
     * Committed events that were the latest of their conversations.
     */
    uint64_t applied;
    /**
     * Committed events that were placed before ones known already.
     */
    uint64_t late;
    /**
     * Events that were known already.
     */
    uint64_t duplicates;
    /**
     * Events at odds with another of the same identity.
     */
    uint64_t conflicts;
    /**
     * What could not be an event.
     */
    uint64_t rejected;
    /**
     * Committed batches.
     */
    uint64_t batches;
    /**
     * Groups of batches that went to the log together.
     */
    uint64_t groups;
    /**
     * Checkpoints that were written.
     */
    uint64_t checkpoints;
    /**
     * How many ms ago the last of them was complete; CONVOFOLD_NO_TIME before the first.
     */
    int64_t checkpoint_age_ms;
    /**
     * Conversations that came back into memory because of an event of theirs.
     */
    uint64_t brought_back;
    /**
     * Pages of conversations that were read from the disk.
     */
    uint64_t pages_read;
    /**
     * Batches that wait for the writer now.
     */
    uint64_t queue_depth;
    /**
     * How many may.
     */
    uint64_t queue_capacity;
    /**
     * All conversations.
     */
    uint64_t conversations;
    /**
     * The open ones.
     */
    uint64_t open;
    /**
     * Those that are in memory, open or closed.
     */
    uint64_t resident;
    /**
     * About how many bytes these take.
     */
    uint64_t resident_bytes;
    /**
     * The last event in the log; 0 where there is none.
     */
    uint64_t last_seq;
    /**
     * The last event that survives a power cut.
     */
    uint64_t durable_seq;
    /**
     * The last event in the last checkpoint; 0 where there is none.
     */
    uint64_t checkpoint_seq;
    /**
     * What the log takes, compressed.
     */
    uint64_t log_bytes;
    /**
     * What the conversations in the last checkpoint take.
     */
    uint64_t checkpoint_bytes;
    /**
     * 1 where a write failed, so that no more are taken until the database is opened again; else 0.
     */
    uint64_t poisoned;
    /**
     * How long batches took from being handed in to being acknowledged, waiting included.
     */
    convofold_latency commit_latency;
    /**
     * How long the disk took to make durable what was written.
     */
    convofold_latency barrier_latency;
} convofold_counters;

/**
 * A state hash: equal states have equal hashes, on every machine.
 */
typedef struct {
    /**
     * Its bytes.
     */
    uint8_t bytes[32];
    /**
     * As 64 hexadecimal digits and a NUL.
     */
    char hex[65];
} convofold_hash;

/**
 * Takes the next bytes of an export, which end anywhere, good until it returns. Anything but 0 ends the export.
 */
typedef int32_t (*convofold_on_bytes)(void *user_data, const void *bytes, size_t length);

/**
 * A place in the log from which events are read, and then waited for.
 */
typedef struct {
    /**
     * A number that stands for it.
     */
    uint64_t id;
} convofold_feed;

/**
 * Is told of an event, as convofold_feed_next() would. The JSON has `length` bytes and a NUL, and is good until it returns.
 * Anything but 0 ends the subscription.
 */
typedef int32_t (*convofold_on_change)(void *user_data, uint64_t seq, const char *json, size_t length);

/**
 * Is told once, as the last, that a subscription ended: CONVOFOLD_OK where it was unsubscribed or ended by its callback, else
 * why, with a message that is good until it returns.
 */
typedef void (*convofold_on_end)(void *user_data, convofold_error error, const char *message);

/**
 * A callback that is told of events.
 */
typedef struct {
    /**
     * A number that stands for it.
     */
    uint64_t id;
} convofold_subscription;

/**
 * Is told how far something is: `done` of `total` in this step, which is a word such as "write" or "check".
 */
typedef void (*convofold_on_step)(void *user_data, const char *step, uint64_t done, uint64_t total);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The version of convofold, such as "0.1.0". The text is static.
 */
const char *convofold_version(void);

/**
 * The version of the interface that the library has. Compare it with CONVOFOLD_ABI_VERSION where the library was loaded by
 * hand.
 */
uint32_t convofold_abi_version(void);

/**
 * What the last call that failed on this thread returned; CONVOFOLD_ERROR_NONE where none did. Calls that go well do not
 * change it.
 */
convofold_error convofold_last_error(void);

/**
 * What the last call that failed on this thread had to say, with the causes. Never NULL.
 *
 * Ownership: it belongs to the library, and is good until the next call fails on this thread, or the thread ends.
 */
const char *convofold_last_error_message(void);

/**
 * Frees a text that was given out through a `char **`. NULL is fine.
 *
 * Errors: CONVOFOLD_ERROR_INVALID_ARGUMENT where it is none, or was freed before. (It cannot be told where another text was
 * given out at the same address meanwhile.)
 */
convofold_error convofold_string_free(char *text);

/**
 * Opens the database in a folder, and makes it where there is none. One process at a time has it open, once.
 *
 * `options` may be NULL.
 *
 * Ownership: `db` is closed by convofold_close().
 *
 * Errors: ALREADY_OPEN, NOT_FOUND, EXISTS (the folder holds something else), UNKNOWN_FORMAT, DAMAGED, IO. Nothing was changed
 * then.
 */
convofold_error convofold_open(const char *dir,
                               const convofold_options *options,
                               convofold_db *db);

/**
 * Commits what is under way, writes a checkpoint and lets go of the folder. Feeds and subscriptions of the database end;
 * pages of answers stay as they are.
 *
 * Threads: calls of other threads that are under way end well or with CONVOFOLD_ERROR_CLOSED. Of several threads that close
 * it, one does.
 *
 * Errors: POISONED where the last write, or an earlier one, failed. The database is closed all the same.
 */
convofold_error convofold_close(convofold_db db);

/**
 * What opening found and did, as a JSON object: `is_new`, `checkpoint_seq`, `events_replayed`, `last_seq`, `skipped`
 * (checkpoints that could not be used), `doubt` and more.
 */
convofold_error convofold_recovery_json(convofold_db db, char **json);

/**
 * Returns when everything that was ingested before survives a power cut.
 *
 * Errors: POISONED, CLOSED.
 */
convofold_error convofold_sync(convofold_db db);

/**
 * Writes a checkpoint now, so that the next opening has nothing to fold. It happens by itself, and when the database is
 * closed.
 *
 * `json` may be NULL; otherwise it is set to an object with `seq`, `generation`, `pages_written`, `bytes_written` and
 * `took_ms`.
 *
 * Errors: POISONED, CLOSED.
 */
convofold_error convofold_checkpoint(convofold_db db, char **json);

/**
 * Takes events: the body of a webhook, lines of a stream, a document. When it returns, they are on the disk
 * (CONVOFOLD_FLAG_BUFFERED: soon). What cannot be an event does not stop its neighbours.
 *
 * An input is whole lines of JSON, or one document. It is looked at as a whole: for what does not fit into memory there is
 * convofold_replay().
 *
 * `options`, `ingested` and `rejections` may be NULL. `rejections` is set to a JSON array of what cannot be an event, each
 * with `line`, `byte_offset`, `path`, `reason`, `expected`, `found` and its beginning as `raw`, or as `raw_base64` where that is
 * no UTF-8, with `raw_cut` where there is more of it; to NULL where there is none.
 *
 * Threads: the events of one thread are committed in its order. Threads that ingest at the same time share the cost of
 * waiting for the disk.
 *
 * Errors: POISONED, CLOSED, TOO_LARGE (the bookmark; nothing was taken then). Sending the same again is safe: what is there
 * already counts as duplicate.
 */
convofold_error convofold_ingest(convofold_db db,
                                 const void *bytes,
                                 size_t length,
                                 const convofold_ingest_options *options,
                                 convofold_ingested *ingested,
                                 char **rejections);

/**
 * Replays files, one after the other: plain, gzip or zstd. When it returns, all that it reports is on the disk.
 *
 * A replay that was stopped or killed, and is started again with the same files, goes on where it was. Where any of them has
 * changed it begins anew, and what is there already counts as duplicate.
 *
 * `options` and `json` may be NULL. `json` is set to an object with `lines`, `bytes`, `events`, `counts`, `ignored` (by
 * source and reason), `rejected` (by reason), `resumed`, `stopped`, `took_ms` and more. Where a callback stopped it, that is no error.
 *
 * Errors: NOT_FOUND or IO where a file cannot be read, POISONED, CLOSED.
 */
convofold_error convofold_replay(convofold_db db,
                                 const char *const *files,
                                 size_t count,
                                 const convofold_replay_options *options,
                                 char **json);

/**
 * The state of one conversation, as the JSON object that it is in convofold_export(). NULL where there is none with this
 * id.
 *
 * Errors: IO, DAMAGED or CLOSED where it is not in memory and cannot be read.
 */
convofold_error convofold_state_json(convofold_db db,
                                     const char *id,
                                     char **json);

/**
 * Every event of one conversation in the order in which they happened, as a JSON array of objects with `seq`, `at`, `kind`,
 * `direction`, `channel`, `said_at`, `text`, `agent`, `unread`, `identity` and `counts`. NULL where there is none with this
 * id.
 *
 * Errors: as for convofold_state_json().
 */
convofold_error convofold_history_json(convofold_db db,
                                       const char *id,
                                       char **json);

/**
 * How the events of one conversation arrived, as a JSON object with `events`, `conflicts`, `duplicates`, `late`, `first_seq`
 * and `last_seq`. NULL where there is none with this id.
 *
 * Errors: as for convofold_state_json().
 */
convofold_error convofold_arrivals_json(convofold_db db,
                                        const char *id,
                                        char **json);

/**
 * Asks for open conversations, a page at a time. Answered from memory.
 *
 * `query` may be NULL: all of them.
 *
 * Ownership: `page` is closed by convofold_page_close(), after the database too if that suits. It is a copy: what happens
 * meanwhile does not change it. Where this fails, it is cleared, and there is nothing to be closed.
 *
 * Errors: BAD_CURSOR where the cursor comes from an answer in another order.
 */
convofold_error convofold_query_page(convofold_db db,
                                     const convofold_query *query,
                                     convofold_page *page);

/**
 * The same as a JSON object: `rows`, an array of objects, and `next`, a text or null.
 *
 * Errors: as for convofold_query_page().
 */
convofold_error convofold_query_json(convofold_db db, const convofold_query *query, char **json);

/**
 * Closes a page and clears the struct.
 *
 * Errors: CLOSED where a copy of it was closed before, BAD_HANDLE where it is cleared.
 */
convofold_error convofold_page_close(convofold_page *page);

/**
 * What every agent has to do, as a JSON array of objects with `agent` (null: those that nobody is assigned to), `open`,
 * `unread`, `waiting` and `oldest_waiting_since`.
 */
convofold_error convofold_agents_json(convofold_db db, char **json);

/**
 * Counts by tenant and channel, as a JSON array of objects with `tenant`, `channel`, `conversations`, `open`, `waiting` and
 * `unread`.
 */
convofold_error convofold_totals_json(convofold_db db,
                                      char **json);

/**
 * Figures about the database. This one looks at the disk.
 */
convofold_error convofold_get_stats(convofold_db db, convofold_stats *stats);

/**
 * Figures for whoever watches the database. This never looks at the disk, and can be asked every second.
 */
convofold_error convofold_get_counters(convofold_db db, convofold_counters *counters);

/**
 * The hash of the state of all conversations.
 */
convofold_error convofold_state_hash(convofold_db db, convofold_hash *hash);

/**
 * Writes the state of every conversation, one JSON object a line, sorted by the bytes of `id`. Equal states give identical
 * bytes.
 *
 * `json` may be NULL; otherwise it is set to an object with `conversations` and `bytes`.
 *
 * Errors: STOPPED where the callback said so; IO, DAMAGED or CLOSED where a conversation that is not in memory cannot be read.
 */
convofold_error convofold_export(convofold_db db,
                                 convofold_on_bytes on_bytes,
                                 void *user_data,
                                 char **json);

/**
 * Writes the same to a file, over what is there, and returns when it is on the disk. Where that fails, part of it may be
 * there.
 *
 * Errors: NOT_FOUND or IO where the file cannot be written; else as for convofold_export().
 */
convofold_error convofold_export_file(convofold_db db,
                                      const char *file,
                                      char **json);

/**
 * Writes every event that was accepted as a line of JSON in convofold's own form, in the order of the log. Ingested or
 * replayed into an empty database they give the same log, the same states and the same hash.
 *
 * `json` may be NULL; otherwise it is set to an object with `events`, `last_seq`, `bytes` and `longest_line_bytes`.
 *
 * Errors: STOPPED where the callback said so; DAMAGED, IO or CLOSED where the log cannot be read.
 */
convofold_error convofold_export_events(convofold_db db, convofold_on_bytes on_bytes, void *user_data, char **json);

/**
 * Writes the same to a file, over what is there, and returns when it is on the disk. Where that fails, part of it may be
 * there.
 *
 * Errors: NOT_FOUND or IO where the file cannot be written; else as for convofold_export_events().
 */
convofold_error convofold_export_events_file(convofold_db db,
                                             const char *file,
                                             char **json);

/**
 * The value of a bookmark, as of the last events that set it (see convofold_ingest_options). NULL where there is none.
 *
 * `length`, which may be NULL, is set to how many bytes it has; a NUL stands behind them.
 *
 * Ownership: `value` goes with convofold_string_free().
 */
convofold_error convofold_bookmark(convofold_db db, const char *name, char **value, size_t *length);

/**
 * All events from `from_seq` on, in the order of the log, without hole or repeat: first those that are there, then those that
 * come. An event is shown once it survives a power cut. The writer never waits for a feed.
 *
 * A feed is continued with the seq after the last one that was handled; 0 and 1 are the beginning.
 *
 * Ownership: `feed` is closed by convofold_feed_close().
 */
convofold_error convofold_feed_open(convofold_db db,
                                    uint64_t from_seq,
                                    convofold_feed *feed);

/**
 * The next event, as a JSON object with `seq` and `event`, which has convofold's own form. NULL where none came within
 * `timeout_ms`: 0 does not wait, UINT64_MAX waits for ever.
 *
 * Threads: one at a time reads; others wait for it, no longer than `timeout_ms` either.
 *
 * Errors: CLOSED where the feed or the database was closed, also while it waits. DROPPED where the log was trimmed beyond the
 * next event. DAMAGED, IO.
 */
convofold_error convofold_feed_next(convofold_feed feed,
                                    uint64_t timeout_ms,
                                    char **json);

/**
 * Closes a feed.
 */
convofold_error convofold_feed_close(convofold_feed feed);

/**
 * Tells a callback of all events from `from_seq` on, as convofold_feed_open() has them.
 *
 * `on_end` may be NULL.
 *
 * Ownership: `subscription` is ended by convofold_unsubscribe(), also where it has ended by itself. `user_data` must be good
 * until that returns.
 *
 * Threads: the callbacks are called in one thread of the library's, one after the other.
 */
convofold_error convofold_subscribe(convofold_db db,
                                    uint64_t from_seq,
                                    convofold_on_change on_change,
                                    convofold_on_end on_end,
                                    void *user_data,
                                    convofold_subscription *subscription);

/**
 * Ends a subscription and returns when its callbacks have: from then on none of them is called.
 *
 * Errors: WOULD_DEADLOCK where one of its own callbacks calls this; let that return something else than 0 instead.
 */
convofold_error convofold_unsubscribe(convofold_subscription subscription);

/**
 * Writes the database into one new file, while it goes on working. With `since`, an earlier backup, only what came after that
 * one. The file is checked before it is given its name.
 *
 * `since`, `on_step` and `json` may be NULL. `json` is set to an object that says what is in the file.
 *
 * Errors: EXISTS, DAMAGED (the log, or the earlier backup), DROPPED (the log no longer has what came after that one), IO,
 * POISONED, CLOSED. There is no file with that name then that was not there before.
 */
convofold_error convofold_backup(convofold_db db,
                                 const char *file,
                                 const char *since,
                                 convofold_on_step on_step,
                                 void *user_data,
                                 char **json);

/**
 * Makes a new database in `dir` of a backup and those that go on from it, in their order. The folder must be empty or not
 * there.
 *
 * `options`, with which it is opened to be checked, `on_step` and `json` may be NULL. `json` is set to an object that says
 * what was restored.
 *
 * Errors: DAMAGED, EXISTS, NOT_FOUND, INVALID_ARGUMENT where the files do not belong together in this order, IO. Nothing is
 * there then.
 */
convofold_error convofold_restore(const char *const *files,
                                  size_t count,
                                  const char *dir,
                                  const convofold_options *options,
                                  convofold_on_step on_step,
                                  void *user_data,
                                  char **json);

/**
 * Checks everything on the disk and in memory against the log folded anew, while the database goes on working.
 *
 * `on_step` may be NULL. `json` is set to an object with what was checked and `problems`, an array that is empty where all is
 * well. `problems`, which may be NULL, is set to how many there are.
 *
 * Errors: where it cannot be carried out: CLOSED, POISONED, IO. What is wrong with the database is no error but in the report.
 */
convofold_error convofold_verify(convofold_db db,
                                 convofold_on_step on_step,
                                 void *user_data,
                                 uint64_t *problems,
                                 char **json);

/**
 * Folds conversations again from the log and compares them with what the database answers, field by field: so many drawn by
 * lot, all of them where `conversations` is 0. The same `seed` draws the same ones.
 *
 * `json` is set to an object with `conversations`, `events` and `differences`, an array that is empty where all is well.
 * `differences`, which may be NULL, is set to how many there are.
 *
 * Errors: where it cannot be carried out: DAMAGED, BUSY (the log was trimmed meanwhile), CLOSED, POISONED, IO.
 */
convofold_error convofold_audit(convofold_db db,
                                uint64_t conversations,
                                uint64_t seed,
                                uint64_t *differences,
                                char **json);

/**
 * Saves what can be read of the damaged database in `damaged`, which is only read, into a new one in `repaired`, which must be
 * empty or not there.
 *
 * `on_step` and `json` may be NULL. `json` is set to an object with `events`, `lost` (ranges of events that are gone) and more.
 *
 * Errors: NOT_FOUND where nothing can be read, ALREADY_OPEN, EXISTS, IO.
 */
convofold_error convofold_repair(const char *damaged,
                                 const char *repaired,
                                 convofold_on_step on_step,
                                 void *user_data,
                                 char **json);

/**
 * Drops the older part of the log: block by block, as long as all events of a block happened before this time. States,
 * histories, the export and the hash stay; feeds no longer begin before what is left.
 *
 * `json` may be NULL; otherwise it is set to an object with `events`, `blocks`, `bytes` and `first_seq`.
 *
 * Errors: BUSY where the log is being read from its beginning, INVALID_ARGUMENT where it is no time, DAMAGED, POISONED, CLOSED,
 * IO.
 */
convofold_error convofold_trim(convofold_db db,
                               int64_t before_ms,
                               char **json);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CONVOFOLD_H */
