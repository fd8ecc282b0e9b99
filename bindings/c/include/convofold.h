/*
 * convofold: an embedded conversation-state engine. It turns live-chat events into the durable state of every conversation.
 *
 * This file is generated. To change it, change the Rust code and run
 *     just generate
 *
 * The following applies to every function, unless its documentation says otherwise.
 *
 * Errors. Almost every function returns a convofold_error, which is CONVOFOLD_OK (0) on success. On success all outputs are
 * set. On failure they are unchanged, NULL or cleared, and convofold_last_error_message() returns the error message of this
 * thread. A null pointer where a value is required, text that is not UTF-8, and a handle that is closed or was never opened
 * are errors and not undefined behaviour. A panic inside the library is an error too. An invalid pointer that is not NULL
 * cannot be detected. Every function can return INVALID_ARGUMENT, NOT_UTF8 and INTERNAL, and every function that takes a
 * handle can return BAD_HANDLE and CLOSED. Other errors are listed with each function, without the prefix CONVOFOLD_ERROR_.
 *
 * Handles. A handle is a number in a struct. It can be copied, stored and compared. Closing a handle twice, or using a copy
 * of a closed handle, is an error. A handle of all zeros is invalid.
 *
 * Ownership. The caller owns its arguments; the library does not use them after the call has returned. The caller owns text
 * that is returned through a `char **`, and releases it with convofold_string_free().
 *
 * Threads. Every function can be called from any thread, and several threads can use the same handle at the same time. If
 * one thread closes a handle while another one uses it, the other call succeeds or returns CLOSED. After fork(), do not use
 * the library in the child process.
 *
 * Text is UTF-8 and ends with a NUL. (A conversation whose id contains a NUL can therefore not be requested by id; lists and
 * exports include it.) On Unix, paths are bytes in the encoding of the system.
 *
 * Units. Times are milliseconds since 1970-01-01 UTC. The names of durations and sizes end with their unit, such as `_ms`
 * (milliseconds), `_us` (microseconds) and `_bytes`. A seq is the number of an event in the log, counted from 1.
 *
 * Structs that start with `size` can grow in later versions. Set `size` to sizeof of the struct, and all other fields to 0:
 *     convofold_query query = {.size = sizeof query};
 * In an options struct, 0 or NULL selects the default of a field.
 *
 * Callbacks run on the thread that made the call, except those of convofold_subscribe(). A callback can call convofold
 * functions. It must return: it must not throw an exception or call longjmp().
 */


#ifndef CONVOFOLD_H
#define CONVOFOLD_H

#include <stddef.h>
#include <stdint.h>

/**
 * The source of an input.
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
     * convofold's own form, which can express every event: `{"convofold":1,...}`.
     */
    CONVOFOLD_FORMAT_CONVOFOLD = 3,
} convofold_format;

/**
 * The version of the interface that this header describes. A program can use a library only if
 * convofold_abi_version() returns the same number. The name of the shared library, libconvofold.so.1, ensures this.
 */
#define CONVOFOLD_ABI_VERSION 1

/**
 * Success. The same value as CONVOFOLD_ERROR_NONE.
 */
#define CONVOFOLD_OK 0

/**
 * The value of a time field that has no time.
 */
#define CONVOFOLD_NO_TIME -1

/**
 * Number of buckets of a convofold_latency.
 */
#define CONVOFOLD_LATENCY_BUCKETS 29

/**
 * The reason why a call failed, grouped by what the program can do about it. Later versions can add values: treat an
 * unknown value as CONVOFOLD_ERROR_OTHER.
 */
typedef enum {
    /**
     * Success. The same value as CONVOFOLD_OK.
     */
    CONVOFOLD_ERROR_NONE = 0,
    /**
     * An argument is invalid, such as a null pointer, an unknown number or a wrong `size`. This is a bug in the
     * calling program.
     */
    CONVOFOLD_ERROR_INVALID_ARGUMENT = 1,
    /**
     * A text is not valid UTF-8.
     */
    CONVOFOLD_ERROR_NOT_UTF8 = 2,
    /**
     * The value is not a handle: it is 0, or no handle with this number was ever opened. This is a bug in the
     * calling program.
     */
    CONVOFOLD_ERROR_BAD_HANDLE = 3,
    /**
     * The handle is closed, or its database is closed, or it is a handle of another type.
     */
    CONVOFOLD_ERROR_CLOSED = 4,
    /**
     * The database is already open, in this process or in another one.
     */
    CONVOFOLD_ERROR_ALREADY_OPEN = 5,
    /**
     * The folder contains no database, or the file does not exist, or neither side of a comparison has the conversation.
     */
    CONVOFOLD_ERROR_NOT_FOUND = 6,
    /**
     * The file already exists, or the folder contains something else. It was not changed.
     */
    CONVOFOLD_ERROR_EXISTS = 7,
    /**
     * The database or backup has a format that this version does not support.
     */
    CONVOFOLD_ERROR_UNKNOWN_FORMAT = 8,
    /**
     * The database or backup is damaged. Use convofold_repair() to recover what can be read, or restore a backup.
     */
    CONVOFOLD_ERROR_DAMAGED = 9,
    /**
     * The operating system or the storage reported an error. The message contains it.
     */
    CONVOFOLD_ERROR_IO = 10,
    /**
     * A write failed, and the database accepts no more writes. Open it again, and send all events again that were
     * not acknowledged. Events that are already stored count as duplicates.
     */
    CONVOFOLD_ERROR_POISONED = 11,
    /**
     * A value is larger than allowed.
     */
    CONVOFOLD_ERROR_TOO_LARGE = 12,
    /**
     * The database is in use by another operation. Try again when that operation has ended.
     */
    CONVOFOLD_ERROR_BUSY = 13,
    /**
     * The event is no longer in the log, because the log was trimmed.
     */
    CONVOFOLD_ERROR_DROPPED = 14,
    /**
     * The cursor is invalid, or was made with another sort order.
     */
    CONVOFOLD_ERROR_BAD_CURSOR = 15,
    /**
     * A callback stopped the operation.
     */
    CONVOFOLD_ERROR_STOPPED = 16,
    /**
     * The call would wait for itself: a callback cannot call convofold_unsubscribe() for its own subscription.
     */
    CONVOFOLD_ERROR_WOULD_DEADLOCK = 17,
    /**
     * Another error. The message describes it.
     */
    CONVOFOLD_ERROR_OTHER = 18,
    /**
     * A bug in convofold. Please report it, with the message.
     */
    CONVOFOLD_ERROR_INTERNAL = 19,
    /**
     * The database was opened with CONVOFOLD_FLAG_READ_ONLY.
     */
    CONVOFOLD_ERROR_READ_ONLY = 20,
    /**
     * There is no answer about the moment: it is in the future, or what was known then is not recorded, or a text is not
     * a moment. The message says what to do.
     */
    CONVOFOLD_ERROR_BAD_MOMENT = 21,
    /**
     * A legal hold keeps a conversation, or it is open: it is not erased.
     */
    CONVOFOLD_ERROR_HELD = 22,
} convofold_error;

/**
 * Sort order of conversations.
 */
typedef enum {
    /**
     * Most recently active first.
     */
    CONVOFOLD_SORT_ACTIVITY = 0,
    /**
     * Longest waiting first; conversations that do not wait come last.
     */
    CONVOFOLD_SORT_WAITING = 1,
    /**
     * Earliest start first.
     */
    CONVOFOLD_SORT_STARTED = 2,
    /**
     * Most recently closed first; open conversations come last.
     */
    CONVOFOLD_SORT_CLOSED = 3,
} convofold_sort;

/**
 * Which conversations a query finds. 0 means open ones; closed ones with CONVOFOLD_FLAG_UNANSWERED_AFTER_CLOSE.
 */
typedef enum {
    /**
     * Open conversations.
     */
    CONVOFOLD_STATUS_OPEN = 1,
    /**
     * Closed conversations.
     */
    CONVOFOLD_STATUS_CLOSED = 2,
    /**
     * Open and closed conversations.
     */
    CONVOFOLD_STATUS_ANY = 3,
} convofold_status;

/**
 * The time of a conversation that `since_ms` and `until_ms` limit.
 */
typedef enum {
    /**
     * Time of the latest activity.
     */
    CONVOFOLD_TIME_FIELD_ACTIVE = 0,
    /**
     * Start of the conversation.
     */
    CONVOFOLD_TIME_FIELD_STARTED = 1,
    /**
     * Time of the close. Open conversations have none, and do not match.
     */
    CONVOFOLD_TIME_FIELD_CLOSED = 2,
} convofold_time_field;

/**
 * Flags. The documentation of each `flags` field lists those that it accepts.
 */
typedef enum {
    /**
     * Open: return NOT_FOUND if there is no database, instead of creating one. A misspelt path is then an error.
     */
    CONVOFOLD_FLAG_MUST_EXIST = 1,
    /**
     * Ingest: return as soon as the events are counted. They are durable within `sync_interval_ms`; until then a
     * power cut loses them, and killing the process can lose them.
     */
    CONVOFOLD_FLAG_BUFFERED = 2,
    /**
     * Query: only conversations without an assigned agent. Cannot be combined with `agent`.
     */
    CONVOFOLD_FLAG_UNASSIGNED = 4,
    /**
     * Query: only conversations whose data look wrong (such as missing messages or an impossible clock).
     */
    CONVOFOLD_FLAG_SUSPECT = 8,
    /**
     * Replay: write a checkpoint at the end.
     */
    CONVOFOLD_FLAG_CHECKPOINT = 16,
    /**
     * Open: only read. Nothing in the folder is created or changed, so a read-only file system is enough, and several
     * processes can read a database at the same time. Functions that write return READ_ONLY.
     */
    CONVOFOLD_FLAG_READ_ONLY = 32,
    /**
     * Query: also return the last message of every conversation. This reads from the disk if a conversation is not in
     * memory.
     */
    CONVOFOLD_FLAG_LAST_MESSAGE = 64,
    /**
     * Query: only closed conversations with a message that is not outbound after both their last close and their last
     * outbound message. Without a `status`, the query then finds closed conversations.
     */
    CONVOFOLD_FLAG_UNANSWERED_AFTER_CLOSE = 128,
    /**
     * Query: reverse the sort order.
     */
    CONVOFOLD_FLAG_REVERSE = 256,
} convofold_flag;

/**
 * Options for opening a database. The defaults suit most programs.
 */
typedef struct {
    /**
     * sizeof(convofold_options).
     */
    size_t size;
    /**
     * CONVOFOLD_FLAG_MUST_EXIST, CONVOFOLD_FLAG_READ_ONLY, or 0.
     */
    uint32_t flags;
    /**
     * Number of threads that parse during a replay. Default: one per processor.
     */
    uint32_t parse_threads;
    /**
     * Approximate memory for conversations, in bytes. Default: 256 MiB. If they need more, the ones that were closed
     * or not used for the longest time are read from the disk when they are requested by id.
     */
    uint64_t memory_bytes;
    /**
     * Maximum number of requests that wait for the writer; further requests block. Default: 256.
     */
    uint64_t queue_submissions;
    /**
     * Maximum number of events that are made durable in one operation. Default: 8,192.
     */
    uint64_t group_max_events;
    /**
     * Maximum size of the events that are made durable in one operation, in bytes. Default: 2 MiB.
     */
    uint64_t group_max_bytes;
    /**
     * Maximum time until a buffered event is durable, in ms. Default: 100.
     */
    uint64_t sync_interval_ms;
    /**
     * Amount of log between two checkpoints, in bytes. Default: 64 MiB.
     */
    uint64_t checkpoint_log_bytes;
    /**
     * Size of the events in a log block, in bytes. Default: 1 MiB.
     */
    uint64_t block_bytes;
    /**
     * Segment size of the storage file, in bytes. It is fixed when the database is created. Default: 2 MiB.
     */
    uint64_t segment_bytes;
    /**
     * Cache size of the storage, in bytes. Default: 64 MiB.
     */
    uint64_t cache_bytes;
    /**
     * Maximum length of an input line, in bytes. Default: 1 MiB.
     */
    uint64_t max_line_bytes;
    /**
     * Maximum length of an id, in bytes. Default: 1 KiB.
     */
    uint64_t max_id_bytes;
    /**
     * Maximum length of a document that spans several lines, in bytes. Default: 64 MiB.
     */
    uint64_t max_document_bytes;
} convofold_options;

/**
 * A handle of an open database.
 */
typedef struct {
    /**
     * The number that identifies the handle.
     */
    uint64_t id;
} convofold_db;

/**
 * Options for ingest.
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
     * Name of a bookmark to set together with the events, or NULL. After any crash convofold_bookmark() returns how
     * far the program has read its source. Maximum length: 256 bytes.
     */
    const char *bookmark_name;
    /**
     * The new value of the bookmark. Maximum length: 4 KiB.
     */
    const void *bookmark_value;
    /**
     * Length of the value in bytes.
     */
    size_t bookmark_length;
    /**
     * Maximum number of rejections to list (0: 1000). All of them are counted.
     */
    size_t max_rejections;
    /**
     * Time zone of times that are written without one, by its name in the IANA database ("Europe/Berlin"), or NULL
     * for UTC. Use the same one for all inputs of a source: it is part of the identity of events that have no id.
     */
    const char *zone;
    /**
     * Unknown interaction types to ignore instead of rejecting them, separated by commas, or NULL for none.
     */
    const char *ignore;
} convofold_ingest_options;

/**
 * The result of an ingest.
 */
typedef struct {
    /**
     * sizeof(convofold_ingested).
     */
    size_t size;
    /**
     * Number of events: the sum of the next five fields.
     */
    uint64_t events;
    /**
     * Events that were the latest of their conversation.
     */
    uint64_t applied;
    /**
     * Events that happened before an event that was already stored.
     */
    uint64_t late;
    /**
     * Events that were already stored.
     */
    uint64_t duplicates;
    /**
     * Events that conflict with a stored event of the same identity.
     */
    uint64_t conflicts;
    /**
     * Events that were erased before, and do not come back.
     */
    uint64_t erased;
    /**
     * Inputs that are not events of conversations: blank lines, keep-alives, events of other types.
     */
    uint64_t ignored;
    /**
     * Inputs that were rejected as events.
     */
    uint64_t rejected;
} convofold_ingested;

/**
 * Progress of a replay.
 */
typedef struct {
    /**
     * Bytes read from all inputs, before decompression.
     */
    uint64_t bytes_read;
    /**
     * Total size of all inputs in bytes, before decompression (0: unknown).
     */
    uint64_t bytes_total;
    /**
     * Events submitted so far, including those of earlier, interrupted runs.
     */
    uint64_t events;
    /**
     * Events per second in this run.
     */
    double events_per_second;
    /**
     * Duration of this run so far, in ms.
     */
    uint64_t elapsed_ms;
    /**
     * The current input.
     */
    const char *input;
} convofold_progress;

/**
 * Receives the progress of a replay, at most ten times per second, and once at the end. `progress` is valid until
 * the callback returns. Return 0 to continue, or any other value to stop the replay.
 */
typedef int32_t (*convofold_on_progress)(void *user_data, const convofold_progress *progress);

/**
 * Receives a rejected event as a JSON object (see convofold_ingest()) that has the name of its input as `source`, and
 * that name. Both are valid until the callback returns. Return 0 to continue, or any other value to stop the replay.
 */
typedef int32_t (*convofold_on_rejection)(void *user_data, const char *input, const char *json);

/**
 * Options for a replay.
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
     * Called with the progress, or NULL.
     */
    convofold_on_progress on_progress;
    /**
     * Called for each rejected event, or NULL.
     */
    convofold_on_rejection on_rejection;
    /**
     * Passed to the callbacks as their first argument.
     */
    void *user_data;
    /**
     * Time zone of times that are written without one, as in convofold_ingest_options. A replay that resumes refuses
     * another one.
     */
    const char *zone;
    /**
     * Unknown interaction types to ignore, as in convofold_ingest_options.
     */
    const char *ignore;
} convofold_replay_options;

/**
 * A text inside a struct of the library. A NUL follows it, so it can be printed directly. A text can also contain a
 * NUL itself; then only `length` is reliable.
 */
typedef struct {
    /**
     * The text in UTF-8; NULL if there is no text.
     */
    const char *data;
    /**
     * Length in bytes, without the NUL.
     */
    size_t length;
} convofold_text;

/**
 * Conditions for conversations. A conversation matches if it meets all conditions that are set. All zeros matches every
 * open conversation.
 */
typedef struct {
    /**
     * sizeof(convofold_query).
     */
    size_t size;
    /**
     * CONVOFOLD_FLAG_UNASSIGNED, CONVOFOLD_FLAG_SUSPECT, CONVOFOLD_FLAG_LAST_MESSAGE,
     * CONVOFOLD_FLAG_UNANSWERED_AFTER_CLOSE and CONVOFOLD_FLAG_REVERSE, or 0.
     */
    uint32_t flags;
    /**
     * A convofold_sort.
     */
    uint32_t sort;
    /**
     * A convofold_status, or 0.
     */
    uint32_t status;
    /**
     * A convofold_time_field.
     */
    uint32_t by;
    /**
     * Id of the assigned agent, or its name in upper or lower case.
     */
    const char *agent;
    /**
     * Id or name of an agent that is assigned or was assigned before.
     */
    const char *any_agent;
    /**
     * Business id or channel id of the member, or its name in upper or lower case.
     */
    const char *member;
    /**
     * Phone number of the member, with or without + and spaces.
     */
    const char *number;
    /**
     * The tenant.
     */
    const char *tenant;
    /**
     * The shortcode, with or without + and spaces.
     */
    const char *shortcode;
    /**
     * The channel of the latest message, in upper or lower case.
     */
    const char *channel;
    /**
     * Minimum number of unread messages.
     */
    uint64_t unread_min;
    /**
     * Last active at or before this time.
     */
    int64_t idle_since_ms;
    /**
     * Waiting for an answer since this time or earlier.
     */
    int64_t waiting_since_ms;
    /**
     * The time named by `by` is this one or later.
     */
    int64_t since_ms;
    /**
     * The time named by `by` is before this one.
     */
    int64_t until_ms;
    /**
     * Maximum number of rows in a page (0: no limit).
     */
    uint64_t limit;
    /**
     * The `next` of the previous page, or all zeros for the first page. A cursor stays valid while new events
     * arrive.
     */
    convofold_text cursor;
} convofold_query;

/**
 * A conversation with the fields that lists need. convofold_state_json() returns the complete state.
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
     * The id of the assigned agent.
     */
    convofold_text agent_id;
    /**
     * The name of the assigned agent.
     */
    convofold_text agent_name;
    /**
     * The name of the member.
     */
    convofold_text member_name;
    /**
     * The phone number of the member.
     */
    convofold_text member_number;
    /**
     * The id of the member at the business.
     */
    convofold_text member_business_id;
    /**
     * The channel id of the member.
     */
    convofold_text member_channel_id;
    /**
     * The shortcode.
     */
    convofold_text shortcode;
    /**
     * Number of unread messages.
     */
    uint64_t unread;
    /**
     * The time of the start.
     */
    int64_t started_at;
    /**
     * The time of the last activity.
     */
    int64_t last_active_at;
    /**
     * The time of the first message that waits for an answer; CONVOFOLD_NO_TIME if there is no such message.
     */
    int64_t waiting_since;
    /**
     * The time of the close; CONVOFOLD_NO_TIME while open.
     */
    int64_t closed_at;
    /**
     * 1 if the data look wrong (such as missing messages or an impossible clock); otherwise 0.
     */
    uint32_t suspect;
    /**
     * The last text; NULL if there is none, or without CONVOFOLD_FLAG_LAST_MESSAGE.
     */
    convofold_text last_message;
    /**
     * The time of the last text; CONVOFOLD_NO_TIME if there is none.
     */
    int64_t last_message_at;
} convofold_row;

/**
 * A page of open conversations.
 *
 * Ownership: the library owns the rows and texts. They are valid until the page is closed with
 * convofold_page_close().
 */
typedef struct {
    /**
     * The number that identifies the page.
     */
    uint64_t id;
    /**
     * The conversations, in the requested order.
     */
    const convofold_row *rows;
    /**
     * Number of conversations.
     */
    size_t count;
    /**
     * The cursor of the next page; its `data` is NULL if this is the last page.
     */
    convofold_text next;
} convofold_page;

/**
 * Sizes of a database.
 */
typedef struct {
    /**
     * sizeof(convofold_stats).
     */
    size_t size;
    /**
     * Number of conversations.
     */
    uint64_t conversations;
    /**
     * Number of open conversations.
     */
    uint64_t open;
    /**
     * Number of conversations in memory, open or closed.
     */
    uint64_t resident;
    /**
     * Approximate memory used by these conversations, in bytes.
     */
    uint64_t resident_bytes;
    /**
     * Seq of the first event in the log, or of the first one to come (1 unless the log was trimmed).
     */
    uint64_t first_seq;
    /**
     * Seq of the last event in the log (0: the log is empty).
     */
    uint64_t last_seq;
    /**
     * Seq of the last event that survives a power cut.
     */
    uint64_t durable_seq;
    /**
     * Number of blocks in the log.
     */
    uint64_t blocks;
    /**
     * Compressed size of the log in bytes.
     */
    uint64_t log_bytes;
    /**
     * Seq of the last event in the last checkpoint (0: no checkpoint).
     */
    uint64_t checkpoint_seq;
    /**
     * Size of the database on the disk, in bytes.
     */
    uint64_t disk_bytes;
    /**
     * About how many of these bytes are neither the log nor the newest checkpoint; convofold_compact() gives most of
     * them back.
     */
    uint64_t unused_bytes;
    /**
     * The time before which texts were removed, of one tenant or of all, in ms; CONVOFOLD_NO_TIME if none were.
     */
    int64_t texts_before;
    /**
     * The same for closed conversations.
     */
    int64_t closed_before;
    /**
     * When the last run of retention was, in ms; CONVOFOLD_NO_TIME if there was none.
     */
    int64_t last_retention_at;
} convofold_stats;

/**
 * What a report of suspects counts. All zeros counts everything, by days of UTC.
 */
typedef struct {
    /**
     * sizeof(convofold_suspects_query).
     */
    size_t size;
    /**
     * Only suspect events at this time or later.
     */
    int64_t since_ms;
    /**
     * Only suspect events before this time.
     */
    int64_t until_ms;
    /**
     * Only conversations of this tenant.
     */
    const char *tenant;
    /**
     * Only conversations of this source.
     */
    const char *source;
    /**
     * Time zone in which days begin, by its name in the IANA database ("Europe/Berlin"), or NULL for UTC.
     */
    const char *zone;
} convofold_suspects_query;

/**
 * What a report is asked for. The beginning is required, in one of its two fields; all other fields can be 0 or NULL.
 */
typedef struct {
    /**
     * sizeof(convofold_report_query).
     */
    size_t size;
    /**
     * The beginning: a time in RFC 3339, a date or a local time of the zone ("2026-03-02", "2026-03-02 09:00"), or a
     * time before now ("-7d").
     */
    const char *from;
    /**
     * The end, in the same forms; events at exactly this time do not count. A time after now is cut to now, which is the
     * default.
     */
    const char *to;
    /**
     * Like `from`, as a number.
     */
    int64_t from_ms;
    /**
     * Like `to`, as a number.
     */
    int64_t to_ms;
    /**
     * The length of a bucket: "1h", "6h" (hours that divide a day), "1d", "1w", "1mo", "3mo"; NULL for one bucket.
     */
    const char *every;
    /**
     * By what each bucket is divided, separated by commas: "agent", "tenant", "channel", "source", "shortcode".
     */
    const char *by;
    /**
     * What to measure: names separated by commas ("open,response,within:5m"), or "all"; NULL for all but `within`.
     */
    const char *measures;
    /**
     * Time zone in which buckets begin, by its name in the IANA database ("Europe/Berlin"), or NULL for UTC.
     */
    const char *zone;
    /**
     * The bucket to which a duration belongs: "end" (NULL), that in which it ends, or "start".
     */
    const char *attribute;
    /**
     * Business hours, inside which durations count, as JSON:
     * {"zone":"Europe/Berlin","week":{"mon":[["09:00","17:00"]]},"holidays":["2026-12-25"]}.
     */
    const char *calendar;
    /**
     * Only what happened while a conversation belonged to this tenant.
     */
    const char *tenant;
    /**
     * Agents whose answers do not count, such as bots: ids, or names of agents without an id.
     */
    const char *const *excluded_agents;
    /**
     * The number of `excluded_agents`.
     */
    size_t excluded_agent_count;
} convofold_report_query;

/**
 * A histogram of durations.
 */
typedef struct {
    /**
     * Bucket i counts durations of up to 2^i microseconds that are longer than the limit of bucket i - 1. The last
     * bucket counts all longer ones.
     */
    uint64_t buckets[CONVOFOLD_LATENCY_BUCKETS];
    /**
     * Sum of all durations, in microseconds.
     */
    uint64_t sum_us;
} convofold_latency;

/**
 * Counters since the database was opened, and its current size.
 */
typedef struct {
    /**
     * sizeof(convofold_counters).
     */
    size_t size;
    /**
     * Committed events that were the latest of their conversation.
     */
    uint64_t applied;
    /**
     * Committed events that happened before an event that was already stored.
     */
    uint64_t late;
    /**
     * Events that were already stored.
     */
    uint64_t duplicates;
    /**
     * Events that conflict with a stored event of the same identity.
     */
    uint64_t conflicts;
    /**
     * Events that were erased before, and do not come back.
     */
    uint64_t erased;
    /**
     * Inputs that were rejected as events.
     */
    uint64_t rejected;
    /**
     * Committed batches.
     */
    uint64_t batches;
    /**
     * Groups of batches. A group is written to the log in one operation.
     */
    uint64_t groups;
    /**
     * Checkpoints written.
     */
    uint64_t checkpoints;
    /**
     * Age of the last checkpoint in ms; CONVOFOLD_NO_TIME if none was written since opening.
     */
    int64_t checkpoint_age_ms;
    /**
     * Conversations that were reloaded into memory because a new event arrived.
     */
    uint64_t reloaded;
    /**
     * Pages of conversations read from the disk.
     */
    uint64_t pages_read;
    /**
     * Batches that currently wait for the writer.
     */
    uint64_t queue_depth;
    /**
     * Maximum number of batches that can wait.
     */
    uint64_t queue_capacity;
    /**
     * Number of conversations.
     */
    uint64_t conversations;
    /**
     * Number of open conversations.
     */
    uint64_t open;
    /**
     * Number of conversations in memory, open or closed.
     */
    uint64_t resident;
    /**
     * Approximate memory used by these conversations, in bytes.
     */
    uint64_t resident_bytes;
    /**
     * Seq of the last event in the log (0: the log is empty).
     */
    uint64_t last_seq;
    /**
     * Seq of the last event that survives a power cut.
     */
    uint64_t durable_seq;
    /**
     * Seq of the last event in the last checkpoint (0: no checkpoint).
     */
    uint64_t checkpoint_seq;
    /**
     * Compressed size of the log in bytes.
     */
    uint64_t log_bytes;
    /**
     * Size of the conversations in the last checkpoint, in bytes.
     */
    uint64_t checkpoint_bytes;
    /**
     * 1 if a write failed, so that the database accepts no more writes until it is opened again; otherwise 0.
     */
    uint64_t poisoned;
    /**
     * Time from the submission of a batch to its acknowledgement, including the time in the queue.
     */
    convofold_latency commit_latency;
    /**
     * Time that the disk took to make a write durable.
     */
    convofold_latency barrier_latency;
} convofold_counters;

/**
 * A state hash. Equal states have equal hashes on every machine.
 */
typedef struct {
    /**
     * The hash as bytes.
     */
    uint8_t bytes[32];
    /**
     * The hash as 64 hexadecimal digits and a NUL.
     */
    char hex[65];
} convofold_hash;

/**
 * Receives the next part of an export. A part can end anywhere, also within a line. `bytes` is valid until the
 * callback returns. Return 0 to continue, or any other value to stop the export.
 */
typedef int32_t (*convofold_on_bytes)(void *user_data, const void *bytes, size_t length);

/**
 * The bounds of a question about the past. Only events within both bounds count, as if no other event existed. A bound that
 * is not set includes all events; a bound is given in one field.
 */
typedef struct {
    /**
     * sizeof(convofold_moment).
     */
    size_t size;
    /**
     * As it was at this time, with everything learned later: a time in RFC 3339 with a zone, `latest` (the newest event), or
     * a time before now such as `-2h`. Events at exactly this time count.
     */
    const char *as_of;
    /**
     * As it was known at this time: a text as for `as_of`, or the sequence number of an event, such as `seq:812`. For
     * history that was replayed in bulk, this is the time of the replay.
     */
    const char *known_at;
    /**
     * Like `as_of`, as a number.
     */
    int64_t as_of_ms;
    /**
     * Like `known_at`, as a number.
     */
    int64_t known_at_ms;
    /**
     * Like `known_at`: the seq of the last known event.
     */
    uint64_t known_at_seq;
} convofold_moment;

/**
 * A handle of a view: the database at a moment.
 *
 * The functions with this handle answer as those of the same name answer for a database that was given exactly the events
 * within the bounds of the moment, whatever arrived later, and while events arrive. Those about many conversations read all
 * of them. After the database is closed, they return CLOSED.
 */
typedef struct {
    /**
     * The number that identifies the handle.
     */
    uint64_t id;
} convofold_view;

/**
 * Receives a conversation that differs as a JSON object (see convofold_view_diff()). `json` has `length` bytes followed by
 * a NUL, and is valid until the callback returns. Return 0 to continue, or any other value to stop the comparison.
 */
typedef int32_t (*convofold_on_difference)(void *user_data, const char *json, size_t length);

/**
 * A handle of a change feed.
 */
typedef struct {
    /**
     * The number that identifies the handle.
     */
    uint64_t id;
} convofold_feed;

/**
 * Receives an event, as convofold_feed_next() returns it. `json` has `length` bytes followed by a NUL, and is valid
 * until the callback returns. Return 0 to continue, or any other value to end the subscription.
 */
typedef int32_t (*convofold_on_change)(void *user_data, uint64_t seq, const char *json, size_t length);

/**
 * Receives the end of a subscription. It is called once, after all other callbacks. `error` is CONVOFOLD_OK if the
 * subscription was ended by convofold_unsubscribe() or by its callback; otherwise it is the reason. `message` is
 * valid until the callback returns.
 */
typedef void (*convofold_on_end)(void *user_data, convofold_error error, const char *message);

/**
 * A handle of a subscription.
 */
typedef struct {
    /**
     * The number that identifies the handle.
     */
    uint64_t id;
} convofold_subscription;

/**
 * Receives the progress of an operation: `done` of `total` units of a step. `step` is a static word such as "write"
 * or "check".
 */
typedef void (*convofold_on_step)(void *user_data, const char *step, uint64_t done, uint64_t total);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the version of convofold, such as "0.1.0". The text is static.
 */
const char *convofold_version(void);

/**
 * Returns the version of the interface of the library. Compare it with CONVOFOLD_ABI_VERSION if the program loads
 * the library with dlopen().
 */
uint32_t convofold_abi_version(void);

/**
 * Returns the error code of the last call that failed on this thread, or CONVOFOLD_ERROR_NONE if none failed. A
 * successful call does not change it.
 */
convofold_error convofold_last_error(void);

/**
 * Returns the message of the last call that failed on this thread, with the causes of the error; an empty text if
 * none failed. Never NULL.
 *
 * Ownership: the library owns the text. It is valid until the next call fails on this thread, or the thread ends.
 */
const char *convofold_last_error_message(void);

/**
 * Frees a text that was returned through a `char **`. NULL is allowed and does nothing.
 *
 * Errors: INVALID_ARGUMENT (the pointer is not such a text, or the text was already freed; a second call is not
 * detected if another text has the same address by then).
 */
convofold_error convofold_string_free(char *text);

/**
 * Opens the database in the folder `dir`, and creates it if there is none. While one process writes to a database, no
 * other handle can open it; with CONVOFOLD_FLAG_READ_ONLY, it can be open any number of times.
 *
 * `options` can be NULL (use the defaults).
 *
 * Ownership: the caller owns the handle `db`; close it with convofold_close().
 *
 * Errors: ALREADY_OPEN, NOT_FOUND, EXISTS (the folder contains something else), UNKNOWN_FORMAT, DAMAGED, IO. On
 * failure nothing on the disk is changed.
 */
convofold_error convofold_open(const char *dir, const convofold_options *options, convofold_db *db);

/**
 * Commits all pending batches, writes a checkpoint and releases the folder. Feeds and subscriptions of the database
 * end. Pages stay valid until they are closed.
 *
 * Threads: calls of other threads that are in progress either succeed or return CLOSED. If several threads close the
 * database, one call succeeds and the others return CLOSED.
 *
 * Errors: POISONED (this or an earlier write failed; the database is closed nevertheless).
 */
convofold_error convofold_close(convofold_db db);

/**
 * Sets `json` to a report of what opening found and did: a JSON object with `is_new`, `checkpoint_seq`,
 * `events_replayed`, `last_seq`, `skipped` (checkpoints that could not be used), `scan_finding`, and more. If records of
 * erasures or legal holds are damaged, `damaged_erasures` and `damaged_holds` have their numbers; only a database that is
 * opened for reading has any.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 */
convofold_error convofold_recovery_json(convofold_db db,
                                        char **json);

/**
 * Waits until all events ingested before this call survive a power cut.
 *
 * Errors: POISONED.
 */
convofold_error convofold_sync(convofold_db db);

/**
 * Writes a checkpoint now, so that the next opening does not have to replay the log. The database also writes
 * checkpoints automatically and when it is closed.
 *
 * `json` can be NULL. Otherwise it is set to a JSON object with `seq`, `generation`, `pages_written`,
 * `bytes_written` and `took_ms`.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: POISONED.
 */
convofold_error convofold_checkpoint(convofold_db db, char **json);

/**
 * Ingests events: the body of a webhook, lines of a stream, or a document. When the call returns, the events are
 * durable (with CONVOFOLD_FLAG_BUFFERED: shortly after). A rejected event does not affect the other events of the
 * input.
 *
 * The input must be complete: whole lines of JSON, or one document. It has to fit into memory; use
 * convofold_replay() for larger inputs.
 *
 * `options`, `ingested` and `rejections` can be NULL. `rejections` is set to a JSON array with one object for each
 * of the first rejected events, or to NULL if none was rejected. Each object has `convofold_reject`, `line`,
 * `byte_offset`, `path`, `reason`, `expected`, `found`, and the beginning of the input as `raw`, or as `raw_base64`
 * if it is not UTF-8; `raw_cut` is present and true if the input is longer than that.
 *
 * Ownership: the caller owns `rejections`; release it with convofold_string_free().
 *
 * Threads: events from one thread are committed in the order of its calls. Threads that ingest at the same time
 * share the cost of waiting for the disk.
 *
 * Errors: POISONED, TOO_LARGE (the bookmark; nothing was ingested). It is safe to send the same input again: events
 * that are already stored count as duplicates.
 */
convofold_error convofold_ingest(convofold_db db,
                                 const void *bytes,
                                 size_t length,
                                 const convofold_ingest_options *options,
                                 convofold_ingested *ingested,
                                 char **rejections);

/**
 * Ingests log files, one after the other: plain, gzip or zstd. A folder stands for all files in it and its subfolders,
 * sorted by name, and a pattern such as *.gz for the files that match it. When the call returns, all reported events are
 * durable.
 *
 * If a replay was stopped or killed, a new replay of the same files resumes at that point. If any of the files has
 * changed, it starts from the beginning, and events that are already stored count as duplicates.
 *
 * `options` and `json` can be NULL. `json` is set to a JSON object with `lines`, `bytes`, `events`, `counts`,
 * `ignored` (by source and reason), `rejected` (by reason), `incomplete_inputs`, `problems`, `resumed`, `stopped`,
 * `took_ms` and more. A file that is damaged or cannot be read does not stop the others: `incomplete_inputs` counts
 * it, `problems` lists it, and every complete line before the damage is ingested. A replay that
 * a callback stopped is not an error: then `stopped` is true.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: NOT_FOUND (a path or pattern names no file), IO (none of the files can be opened), POISONED, INVALID_ARGUMENT
 * (among others: an earlier run with the same files used another zone).
 */
convofold_error convofold_replay(convofold_db db,
                                 const char *const *files,
                                 size_t count,
                                 const convofold_replay_options *options,
                                 char **json);

/**
 * Sets `json` to the state of one conversation: a JSON object, the same as in convofold_export(). NULL if there is
 * no conversation with this id.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: IO, DAMAGED (the conversation is not in memory and cannot be read from the disk).
 */
convofold_error convofold_state_json(convofold_db db, const char *id, char **json);

/**
 * Sets `json` to the events of one conversation in the order in which they happened: a JSON array of objects with
 * `seq`, `at`, `event` (in convofold's own format), `said_at`, `assigned`, `counts` and `late`. NULL if there is no
 * conversation with this id.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_history_json(convofold_db db, const char *id, char **json);

/**
 * Sets `json` to the conflicts of one conversation, which are events of one identity with different contents: a JSON
 * array of objects with `conversation`, `identity`, `kind`, `at`, `kept_seq`, `lost_seq` and `fields`, an array of
 * objects with `field`, `kept` and `lost`. NULL if there is no conversation with this id.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_conflicts_json(convofold_db db, const char *id, char **json);

/**
 * Sets `json` to how the events of one conversation arrived: a JSON object with `events`, `conflicts`, `duplicates`,
 * `late`, `first_seq` and `last_seq`. NULL if there is no conversation with this id.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_arrivals_json(convofold_db db, const char *id, char **json);

/**
 * Sets `json` to why the fields of one conversation have their values: a JSON array of objects, in the order of the export,
 * with `field`, `value`, `rule`, `sentence`, `because` (the events that make the value), `over` (those over which they won),
 * `not` (later ones that do not change it) and `without` (the value without the events in `because`; missing if the
 * conversation would not exist). An event is an object with `seq`, `at`, `event` and, where known, `why` and
 * `learned_after_ms`. NULL if there is no conversation with this id.
 *
 * `field` is the path of a field of the export, such as `status` or `member.name`, or the name of an object, such as `member`,
 * for its fields. It can be NULL (all fields). No list contains more than `limit` events (0: no limit); `because_count`,
 * `over_count` and `not_count` are the lengths of longer ones.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: INVALID_ARGUMENT (there is no field with this name); otherwise the same as for convofold_state_json().
 */
convofold_error convofold_explain_json(convofold_db db,
                                       const char *id,
                                       const char *field,
                                       uint64_t limit,
                                       char **json);

/**
 * Sets `json` to the ids of the conversations that begin with `beginning`, in order and at most `limit`: a JSON array of
 * texts.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_find_ids_json(convofold_db db,
                                        const char *beginning,
                                        uint64_t limit,
                                        char **json);

/**
 * Sets `page` to a page of the conversations that match `query`. Answered from memory, unless the query concerns closed
 * conversations.
 *
 * `query` can be NULL (all open conversations).
 *
 * Ownership: the caller owns `page`; close it with convofold_page_close(), before or after closing the database. A
 * page is a copy and does not change when new events arrive. On failure it is cleared and need not be closed.
 *
 * Errors: BAD_CURSOR (the cursor is invalid or was made with another sort order), IO and DAMAGED (a conversation cannot
 * be read).
 */
convofold_error convofold_query_page(convofold_db db, const convofold_query *query, convofold_page *page);

/**
 * Sets `json` to the same page as a JSON object with `rows`, an array of objects, `next`, a text or null, and `unknown`.
 * If the first page is empty, `unknown` names the conditions whose value no open conversation has: an array of objects
 * with `condition`, `value` and `similar`, an array of similar values.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_query_page().
 */
convofold_error convofold_query_json(convofold_db db,
                                     const convofold_query *query,
                                     char **json);

/**
 * Closes a page, releases its rows and texts, and clears the struct.
 *
 * Errors: CLOSED (a copy of the page was closed before), BAD_HANDLE (the page is cleared).
 */
convofold_error convofold_page_close(convofold_page *page);

/**
 * Sets `json` to the workload of every agent: a JSON array of objects with `agent` (null: conversations without an
 * agent), `open`, `unread`, `waiting` and `oldest_waiting_since`.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 */
convofold_error convofold_agents_json(convofold_db db, char **json);

/**
 * Sets `json` to counts per tenant and channel: a JSON array of objects with `tenant`, `channel`, `conversations`,
 * `open`, `waiting` and `unread`.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 */
convofold_error convofold_totals_json(convofold_db db, char **json);

/**
 * Sets `stats` to the sizes of a database. This accesses the disk; convofold_get_counters() does not.
 */
convofold_error convofold_get_stats(convofold_db db, convofold_stats *stats);

/**
 * Sets `json` to what looks wrong in the data of the sources, and when messages were lost: a JSON object with
 * `conversations`, `events`, `zone`, `kinds`, `days` and `losses`. An element of `kinds` has `kind` (`unread`, `clock_ahead`
 * or `untimed_close`), `source`, `conversations`, `events`, `missing` (number of missing messages, at least), `first_at` and
 * `last_at`; one of `days` has `day` instead of the times; one of `losses` has `source`, `from`, `to`, `earliest`, `latest`,
 * `gaps` and `missing`.
 *
 * `query` can be NULL (everything).
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: INVALID_ARGUMENT (there is no such zone); otherwise the same as for convofold_state_json().
 */
convofold_error convofold_suspects_json(convofold_db db,
                                        const convofold_suspects_query *query,
                                        char **json);

/**
 * Sets `json` to what happened, by time and group: a JSON object with `from`, `to`, `every`, `zone`, `tzdb` (the
 * version of the database of time zones) and `rows`, one for each bucket and group. A row has `from` and `to`, `by`
 * (the values of its group; an agent has `tenant`, `id` and `name`), and each measure under its name: a number, or an
 * object for levels (`end`, `max`, `mean`), durations (`n`, `pending`, `mean`, `p50`, `p90`, `p95`, `max`) and
 * `within` (`met`, `missed`, `pending`, `share`). Durations are in milliseconds. docs/measures.md defines each
 * measure.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: INVALID_ARGUMENT (a field cannot be read, there is no time between the beginning and the end, or more than 100,000
 * buckets; the message names the field); otherwise the same as for convofold_state_json().
 */
convofold_error convofold_report_json(convofold_db db,
                                      const convofold_report_query *query,
                                      char **json);

/**
 * Sets `json` to what a measure of a report counted: a JSON object with `measure` and `rows`, one for each
 * conversation, message or turn. There are as many as the number says, then come those that are pending. A row has
 * `from` and `to` of the bucket, `by`, `conversation` (its id), `since` (when it began), `at` (when it happened or
 * ended), `value` (its duration, or its unread messages) and `outcome` (`met`, `missed` or `pending`). What does not
 * apply is null. `measures` of the query has no effect.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_report_json().
 */
convofold_error convofold_report_rows_json(convofold_db db,
                                           const convofold_report_query *query,
                                           const char *measure,
                                           char **json);

/**
 * Sets `counters` to the counters of a database. This does not access the disk, and is cheap enough to call every
 * second.
 */
convofold_error convofold_get_counters(convofold_db db, convofold_counters *counters);

/**
 * Sets `hash` to the hash of the state of all conversations.
 */
convofold_error convofold_state_hash(convofold_db db, convofold_hash *hash);

/**
 * Writes the state of every conversation as one JSON object per line, sorted by the bytes of `id`. Equal states give
 * identical bytes.
 *
 * `json` can be NULL. Otherwise it is set to a JSON object with `conversations` and `bytes`.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: STOPPED (by the callback); IO, DAMAGED (a conversation that is not in memory cannot be read).
 */
convofold_error convofold_export(convofold_db db, convofold_on_bytes on_bytes, void *user_data, char **json);

/**
 * Writes the same data as convofold_export() to a file and waits until it is durable. An existing file is
 * overwritten. If the call fails, the file can be incomplete.
 *
 * `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_export().
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: INVALID_ARGUMENT (a file inside the database), NOT_FOUND, IO (the file cannot be written); otherwise the
 * same as for convofold_export().
 */
convofold_error convofold_export_file(convofold_db db, const char *file, char **json);

/**
 * Writes every accepted event as a line of JSON in convofold's own format, in the order of the log. Ingesting or
 * replaying the result into an empty database gives the same log, the same states and the same hash.
 *
 * `json` can be NULL. Otherwise it is set to a JSON object with `events`, `last_seq`, `bytes` and
 * `longest_line_bytes`.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: STOPPED (by the callback); DAMAGED, IO (the log cannot be read).
 */
convofold_error convofold_export_events(convofold_db db, convofold_on_bytes on_bytes, void *user_data, char **json);

/**
 * Writes the same data as convofold_export_events() to a file and waits until it is durable. An existing file is
 * overwritten. If the call fails, the file can be incomplete.
 *
 * `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_export_events().
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: INVALID_ARGUMENT (a file inside the database), NOT_FOUND, IO (the file cannot be written); otherwise the
 * same as for convofold_export_events().
 */
convofold_error convofold_export_events_file(convofold_db db, const char *file, char **json);

/**
 * Opens a view of the database at a moment. Events that arrive after this call are in no answer of the view.
 *
 * `moment` can be NULL (the present, which then stays as it is).
 *
 * Ownership: the caller owns the handle `view`; close it with convofold_view_close(), before or after closing the database.
 * Until then, the memory of a closed database is not freed.
 *
 * Errors: BAD_MOMENT (a bound is in the future, or what was known then is not recorded, or a text is not a moment; the
 * message says what to do), INVALID_ARGUMENT (a bound is given in two fields), DAMAGED, IO (the log cannot be read).
 */
convofold_error convofold_view_open(convofold_db db,
                                    const convofold_moment *moment,
                                    convofold_view *view);

/**
 * Closes a view. Calls of other threads that are in progress succeed.
 */
convofold_error convofold_view_close(convofold_view view);

/**
 * Sets `json` to what the answers of a view are about: a JSON object with `as_of` and `time` (the time to which ages count),
 * in milliseconds, and `known_at`, a seq; null for a bound that is not set. `replayed` says whether the event `known_at` came
 * with history that was replayed, so that `time` is the time of the replay. `words` is all of this in words.
 *
 * `id` can be NULL. Otherwise the object also has the number `late_events`: the events of this conversation that had
 * happened by `time` and were learned later. With a bound of event time alone they are in the answers and have changed them
 * since, with one of arrival they are missing from them. It is null if it is not recorded what was known then.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_view_moment_json(convofold_view view,
                                           const char *id,
                                           char **json);

/**
 * Like convofold_state_json(), at the moment of the view. NULL if the conversation did not exist.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_view_state_json(convofold_view view, const char *id, char **json);

/**
 * Like convofold_history_json(), at the moment of the view. NULL if the conversation did not exist.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_view_history_json(convofold_view view, const char *id, char **json);

/**
 * Like convofold_conflicts_json(), at the moment of the view. NULL if the conversation did not exist.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_view_conflicts_json(convofold_view view, const char *id, char **json);

/**
 * Like convofold_explain_json(), at the moment of the view. NULL if the conversation did not exist.
 *
 * `field` can be NULL (all fields).
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_explain_json().
 */
convofold_error convofold_view_explain_json(convofold_view view,
                                            const char *id,
                                            const char *field,
                                            uint64_t limit,
                                            char **json);

/**
 * Like convofold_query_page(), at the moment of the view.
 *
 * `query` can be NULL (all conversations that were open).
 *
 * Ownership: the caller owns `page`; close it with convofold_page_close(), before or after closing the view.
 *
 * Errors: the same as for convofold_query_page().
 */
convofold_error convofold_view_query_page(convofold_view view, const convofold_query *query, convofold_page *page);

/**
 * Like convofold_query_json(), at the moment of the view.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_query_page().
 */
convofold_error convofold_view_query_json(convofold_view view, const convofold_query *query, char **json);

/**
 * Like convofold_agents_json(), at the moment of the view.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_view_agents_json(convofold_view view, char **json);

/**
 * Like convofold_totals_json(), at the moment of the view.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_view_totals_json(convofold_view view, char **json);

/**
 * Like convofold_report_json(), at the moment of the view, and with its time as now.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_report_json().
 */
convofold_error convofold_view_report_json(convofold_view view, const convofold_report_query *query, char **json);

/**
 * Like convofold_report_rows_json(), at the moment of the view, and with its time as now.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_report_json().
 */
convofold_error convofold_view_report_rows_json(convofold_view view,
                                                const convofold_report_query *query,
                                                const char *measure,
                                                char **json);

/**
 * Like convofold_suspects_json(), at the moment of the view.
 *
 * `query` can be NULL (everything).
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_suspects_json().
 */
convofold_error convofold_view_suspects_json(convofold_view view, const convofold_suspects_query *query, char **json);

/**
 * Like convofold_state_hash(), at the moment of the view.
 *
 * Errors: the same as for convofold_state_json().
 */
convofold_error convofold_view_state_hash(convofold_view view, convofold_hash *hash);

/**
 * Like convofold_export(), at the moment of the view.
 *
 * `json` can be NULL. Otherwise it is set to a JSON object with `conversations` and `bytes`.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_export().
 */
convofold_error convofold_view_export(convofold_view view, convofold_on_bytes on_bytes, void *user_data, char **json);

/**
 * Like convofold_export_file(), at the moment of the view.
 *
 * `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_view_export().
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_export_file().
 */
convofold_error convofold_view_export_file(convofold_view view, const char *file, char **json);

/**
 * Like convofold_export_events(), with the events within the bounds of the view.
 *
 * `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_export_events().
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_export().
 */
convofold_error convofold_view_export_events(convofold_view view,
                                             convofold_on_bytes on_bytes,
                                             void *user_data,
                                             char **json);

/**
 * Like convofold_export_events_file(), with the events within the bounds of the view.
 *
 * `json` can be NULL. Otherwise it is set to the same JSON object as by convofold_export_events().
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: the same as for convofold_export_file().
 */
convofold_error convofold_view_export_events_file(convofold_view view, const char *file, char **json);

/**
 * Compares two views, of one database or of two, and calls `on_difference` for each conversation that is not the same in
 * both, in the order of the ids. First the hashes are compared; only what differs is read in full. The memory in use does
 * not depend on the number of conversations.
 *
 * A conversation is a JSON object with `change` (`added`: only `to` has it, `removed`: only `from` has it, or `changed`),
 * `id`, `fields` (an array of objects with `field`, a path in the export, and its values `from` and `to`; one of them is
 * missing if the field does not exist there) and `because` (the events that only one view has: an array of objects with
 * `only_in`, which is `from` or `to`, `seq`, `at` and `kind`). A conversation that only one view has differs in one field,
 * `state`, with the whole state.
 *
 * `id` can be NULL (all conversations). `on_difference` can be NULL (count only). `json` can be NULL; otherwise it is set to
 * the numbers of conversations that differ: a JSON object with `added`, `removed`, `changed` and `fields`, the number of
 * changed conversations for each field.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: STOPPED (by the callback), NOT_FOUND (neither view has the conversation `id`), DAMAGED, IO (a conversation, or a
 * temporary file, cannot be read or written).
 */
convofold_error convofold_view_diff(convofold_view from,
                                    convofold_view to,
                                    const char *id,
                                    convofold_on_difference on_difference,
                                    void *user_data,
                                    char **json);

/**
 * Sets `value` to the value of a bookmark, as committed with the last events that set it (see
 * convofold_ingest_options), or to NULL if there is no bookmark with this name.
 *
 * `length` can be NULL. Otherwise it is set to the length of the value in bytes, without the NUL that follows it.
 *
 * Ownership: the caller owns `value`; release it with convofold_string_free().
 */
convofold_error convofold_bookmark(convofold_db db, const char *name, char **value, size_t *length);

/**
 * Opens a feed of all events from `from_seq` on, in the order of the log, without gaps or repetitions: first the
 * stored events, then new ones as they arrive. An event appears in the feed as soon as it survives a power cut. The
 * writer never waits for a feed.
 *
 * To resume, pass the seq of the last processed event plus 1. 0 and 1 both mean the beginning of the log.
 *
 * Ownership: the caller owns the handle `feed`; close it with convofold_feed_close().
 */
convofold_error convofold_feed_open(convofold_db db, uint64_t from_seq, convofold_feed *feed);

/**
 * Sets `json` to the next event: a JSON object with `seq`, `at` and `event`, in convofold's own format. NULL if no event
 * arrives within `timeout_ms` (0: do not wait; UINT64_MAX: no limit).
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Threads: one thread reads at a time. Other threads wait for it, also for at most `timeout_ms`.
 *
 * Errors: CLOSED (the feed or the database is closed, possibly during the wait), POISONED (a write failed, and all
 * durable events were returned), DROPPED (the log was trimmed past the next event), DAMAGED, IO.
 */
convofold_error convofold_feed_next(convofold_feed feed,
                                    uint64_t timeout_ms,
                                    char **json);

/**
 * Closes a feed. Calls of convofold_feed_next() that are waiting return CLOSED.
 */
convofold_error convofold_feed_close(convofold_feed feed);

/**
 * Calls `on_change` for every event from `from_seq` on, in the same order as convofold_feed_open().
 *
 * `on_end` can be NULL.
 *
 * Ownership: the caller owns the handle `subscription`; end it with convofold_unsubscribe(), even if the
 * subscription has already ended. `user_data` must stay valid until that call returns.
 *
 * Threads: the callbacks run on one thread of the library, one call at a time.
 */
convofold_error convofold_subscribe(convofold_db db,
                                    uint64_t from_seq,
                                    convofold_on_change on_change,
                                    convofold_on_end on_end,
                                    void *user_data,
                                    convofold_subscription *subscription);

/**
 * Ends a subscription and waits for its callbacks to return. No callback is called after that.
 *
 * Errors: WOULD_DEADLOCK (called from a callback of this subscription; return a value other than 0 from the callback
 * instead).
 */
convofold_error convofold_unsubscribe(convofold_subscription subscription);

/**
 * Writes a backup of the database to one new file while the database stays in use. If `since` names an earlier
 * backup, the new file contains only what was added after it. The file is checked before it gets its name.
 *
 * `since`, `on_step` and `json` can be NULL. `json` is set to a JSON object that describes the contents of the file.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: EXISTS, DAMAGED (the log or the earlier backup), DROPPED (the log was trimmed past the end of the earlier
 * backup), IO, POISONED. On failure no file is created.
 */
convofold_error convofold_backup(convofold_db db,
                                 const char *file,
                                 const char *since,
                                 convofold_on_step on_step,
                                 void *user_data,
                                 char **json);

/**
 * Creates a new database in `dir` from a full backup followed by its incremental backups, in order. The folder must
 * be empty or must not exist.
 *
 * `options`, `on_step` and `json` can be NULL. `options` are used to open the database for a check. `json` is set to
 * a JSON object that describes what was restored.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: DAMAGED, EXISTS, NOT_FOUND, INVALID_ARGUMENT (the files are not a sequence of backups in this order), IO.
 * On failure no database is created.
 */
convofold_error convofold_restore(const char *const *files,
                                  size_t count,
                                  const char *dir,
                                  const convofold_options *options,
                                  convofold_on_step on_step,
                                  void *user_data,
                                  char **json);

/**
 * Compares everything on the disk and in memory with a new fold of the log while the database stays in use.
 *
 * `on_step`, `problems` and `json` can be NULL. `problems` is set to the number of problems. `json` is set to a JSON
 * object that describes what was checked, with an array `problems` that is empty if the database is correct.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: POISONED, IO. Problems of the database are reported in `json` and are not errors.
 */
convofold_error convofold_verify(convofold_db db,
                                 convofold_on_step on_step,
                                 void *user_data,
                                 uint64_t *problems,
                                 char **json);

/**
 * Folds a sample of conversations again from the log and compares them field by field with the answers of the
 * database. `conversations` is the size of the random sample (0: all conversations). The same `seed` selects the
 * same sample.
 *
 * `differences` and `json` can be NULL. `differences` is set to the number of differences. `json` is set to a JSON
 * object with `conversations`, `events` and `differences`, an array that is empty if there are none.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: DAMAGED, BUSY (the log was trimmed during the audit), POISONED, IO. Differences are reported in `json` and
 * are not errors.
 */
convofold_error convofold_audit(convofold_db db,
                                uint64_t conversations,
                                uint64_t seed,
                                uint64_t *differences,
                                char **json);

/**
 * Recovers what can be read of the damaged database in `damaged` into a new database in `repaired`. The damaged
 * database is not changed. The folder `repaired` must be empty or must not exist.
 *
 * `on_step` and `json` can be NULL. `json` is set to a JSON object with `events`, `lost` (ranges of lost events),
 * `lost_erasures`, `lost_holds` and `lost_retention_runs` (numbers of those whose records are lost: what they erased or
 * removed comes back if it arrives again, and a lost hold keeps nothing), and more.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: NOT_FOUND (nothing can be read), ALREADY_OPEN, EXISTS, IO.
 */
convofold_error convofold_repair(const char *damaged,
                                 const char *repaired,
                                 convofold_on_step on_step,
                                 void *user_data,
                                 char **json);

/**
 * Removes the older part of the log: every block from the beginning whose events all happened before `before_ms`.
 * States, histories, exports and the hash stay the same. A feed can no longer start before the remaining log.
 *
 * `json` can be NULL. Otherwise it is set to a JSON object with `events`, `blocks`, `bytes` and `first_seq`.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: BUSY (another operation is reading the log from its beginning), INVALID_ARGUMENT (`before_ms` is out of
 * range), DAMAGED, POISONED, IO.
 */
convofold_error convofold_trim(convofold_db db, int64_t before_ms, char **json);

/**
 * Writes the storage again without the room that it no longer uses, while the database stays in use. A replay leaves about
 * half of the file unused, and convofold_trim() what it removed. The disk needs room for a second copy. Nothing else changes.
 *
 * `json` can be NULL. Otherwise it is set to a JSON object with `before_bytes` and `after_bytes`, and `damaged_values` if
 * stored values with recorded hashes were damaged and are gone.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: BUSY (another compaction or a trim is running, or checkpoints were written meanwhile; try again later),
 * POISONED, IO.
 */
convofold_error convofold_compact(convofold_db db,
                                  char **json);

/**
 * Writes everything that is stored about members: every event of their conversations, conflicts included, as one line of
 * JSON in convofold's own format. The events of a conversation are together, in the order of their arrival.
 *
 * `subjects` is a JSON object with arrays of texts: `members` (business ids and channel ids, or
 * "superoffice:TENANT:customer:ID" and "superoffice:TENANT:contact:ID"), `numbers` and `conversations` (ids).
 *
 * `json` can be NULL. Otherwise it is set to a JSON object with the numbers of `conversations`, `events`, and `lines` of other
 * files in the folder of the database.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: INVALID_ARGUMENT (`subjects` has another form, or names nobody); STOPPED (by the callback); DAMAGED, IO (a
 * conversation cannot be read).
 */
convofold_error convofold_disclose(convofold_db db,
                                   const char *subjects,
                                   convofold_on_bytes on_bytes,
                                   void *user_data,
                                   char **json);

/**
 * Erases members while the database stays in use: their texts, names, numbers and ids disappear, and their conversations stay
 * under a random id, with counts, times and agents. The database is read as a whole and written again, which needs room for a
 * second copy on the disk.
 *
 * `request` is a JSON object with `members`, `numbers` and `conversations` as for convofold_disclose(), and optionally `rule`
 * (why, for the receipt; it must not name the member), `open_too` (true: open conversations are erased, too) and `dry_run`
 * (true: nothing is changed).
 *
 * `json` can be NULL. Otherwise it is set to a JSON object with `erased`: the receipt with `also_elsewhere`,
 * `before_bytes` and `after_bytes`, and `damaged_values` if stored values with recorded hashes were damaged and are
 * gone; or null if nothing is about the members. With `dry_run`, it has `would_erase`: an array of the conversations
 * that would be erased.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: INVALID_ARGUMENT (`request` has another form, or names nobody); HELD (a legal hold, or an open conversation without
 * `open_too`; the message says which); BUSY (another operation reads or writes the whole database); DAMAGED, POISONED, IO.
 * Nothing was erased then.
 */
convofold_error convofold_erase(convofold_db db,
                                const char *request,
                                char **json);

/**
 * Sets `json` to the receipts of all erasures: a JSON array, in the order in which they were made. They name nobody.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 */
convofold_error convofold_erasures_json(convofold_db db, char **json);

/**
 * Places a legal hold: until it is lifted, conversations of this member are neither erased nor removed by retention. This
 * includes conversations that begin later. The hold survives a power cut when the call returns.
 *
 * `subject` is a JSON object with one text: `member`, `number` or `conversation`. `reason` is not empty. `number` can be
 * NULL; otherwise it is set to the number of the hold.
 *
 * Errors: INVALID_ARGUMENT (`subject` has another form, or `reason` is empty or too long), POISONED, IO.
 */
convofold_error convofold_hold(convofold_db db,
                               const char *subject,
                               const char *reason,
                               uint64_t *number);

/**
 * Lifts a legal hold.
 *
 * Errors: NOT_FOUND (there is no hold with this number), POISONED, IO.
 */
convofold_error convofold_lift_hold(convofold_db db, uint64_t number);

/**
 * Sets `json` to all legal holds: a JSON array of objects with `number`, `at`, `subject` and `reason`.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 */
convofold_error convofold_holds_json(convofold_db db, char **json);

/**
 * Removes events from the log, texts, and closed conversations that are older than the rules allow, while the database
 * stays in use.
 *
 * `rules` is a JSON object with at least one of these members: `log_ms`, `texts_ms` and `closed_ms` (ages in milliseconds),
 * and `tenants`, an object with `texts_ms` and `closed_ms` for each tenant that has ages of its own. `now_ms` is the time at
 * which something has such an age. With `dry_run` other than 0, nothing is changed.
 *
 * `json` can be NULL. Otherwise it is set to a JSON object that describes what was removed, or would be.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 *
 * Errors: INVALID_ARGUMENT (`rules` has another form or no rule, or `now_ms` is out of range); BUSY (another operation
 * reads or writes the whole database); DAMAGED, POISONED, IO.
 */
convofold_error convofold_retain(convofold_db db,
                                 const char *rules,
                                 int64_t now_ms,
                                 int32_t dry_run,
                                 char **json);

/**
 * Sets `json` to all runs of retention: a JSON array, in the order in which they were made.
 *
 * Ownership: the caller owns `json`; release it with convofold_string_free().
 */
convofold_error convofold_retention_runs_json(convofold_db db, char **json);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CONVOFOLD_H */
