/* Replay, queries, exports, backup, verification, repair, trim, compaction, disclosure, erasure, legal holds and retention. */
#include "check.h"

static convofold_db open_db(const char *name)
{
    convofold_db db;
    OK(convofold_open(in_folder(name), NULL, &db));
    return db;
}

static void questions_are_answered(convofold_db db)
{
    SAYS("{\"id\":\"c-1\",\"source\":\"helpdesk\",", convofold_state_json(db, "c-1", &json));
    SAYS("\"text\":\"Number 8\"", convofold_history_json(db, "c-1", &json));
    SAYS("\"conflicts\":0", convofold_arrivals_json(db, "c-1", &json));
    SAYS("[\"c-0\",\"c-1\"]", convofold_find_ids_json(db, "c-", 2, &json));
    SAYS("\"name\":\"Ida\"", convofold_agents_json(db, &json));
    SAYS("\"conversations\":7", convofold_totals_json(db, &json));
    SAYS("\"is_new\":true", convofold_recovery_json(db, &json));
    char *json;
    OK(convofold_state_json(db, "c-7", &json));
    CHECK(json == NULL);
    convofold_stats stats = {.size = sizeof stats};
    OK(convofold_get_stats(db, &stats));
    CHECK(stats.conversations == 7 && stats.open == 7 && stats.last_seq == 70 && stats.durable_seq == 70);
    convofold_counters counters = {.size = sizeof counters};
    OK(convofold_get_counters(db, &counters));
    CHECK(counters.applied == 70 && counters.rejected == 0 && counters.poisoned == 0 && counters.last_seq == 70);
    CHECK(counters.checkpoints == 0 && counters.checkpoint_age_ms == CONVOFOLD_NO_TIME && counters.queue_capacity == 256);
    uint64_t commits = 0;
    for (size_t i = 0; i < CONVOFOLD_LATENCY_BUCKETS; i++)
        commits += counters.commit_latency.buckets[i];
    CHECK(commits == counters.batches && commits > 0 && counters.commit_latency.sum_us > 0);
    OK(convofold_sync(db));
    SAYS("\"seq\":70", convofold_checkpoint(db, &json));
    OK(convofold_get_counters(db, &counters));
    CHECK(counters.checkpoints == 1 && counters.checkpoint_age_ms >= 0 && counters.checkpoint_seq == 70);
}

static void values_are_explained(convofold_db db)
{
    SAYS("[{\"field\":\"status\",\"value\":\"open\",\"rule\":\"F2\",", convofold_explain_json(db, "c-1", "status", 0, &json));
    /* Numbers 1, 8, 15, 22, 29, ... of which every third one is outbound. */
    SAYS("\"because_count\":7", convofold_explain_json(db, "c-1", "messages_in", 2, &json));
    SAYS("\"event\":\"message\",\"learned_after_ms\":", convofold_explain_json(db, "c-1", "messages_in", 2, &json));
    SAYS("\"field\":\"agent.name\",\"value\":\"Ida\"", convofold_explain_json(db, "c-1", "agent", 0, &json));
    SAYS("\"field\":\"suspect\"", convofold_explain_json(db, "c-1", NULL, 0, &json));
    char *json;
    OK(convofold_explain_json(db, "c-7", NULL, 0, &json));
    CHECK(json == NULL);
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_explain_json(db, "c-1", "statos", 0, &json));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_explain_json(db, NULL, "status", 0, &json));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_explain_json(db, "c-1", "status", 0, NULL));
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_explain_json(db, "c-1", "\xff", 0, &json));
    convofold_view view;
    OK(convofold_view_open(db, &(convofold_moment){.size = sizeof(convofold_moment), .known_at_seq = 16}, &view));
    /* Message number 15 is known, those after it are not. */
    SAYS("\"value\":\"Number 15\"", convofold_view_explain_json(view, "c-1", "last_message.text", 0, &json));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_view_explain_json(view, "c-1", "statos", 0, &json));
    OK(convofold_view_close(view));
}

static void names_are_found_and_last_messages_returned(convofold_db db)
{
    convofold_query query = {.size = sizeof query, .agent = "IDA", .flags = CONVOFOLD_FLAG_LAST_MESSAGE, .limit = 1};
    convofold_page page;
    OK(convofold_query_page(db, &query, &page));
    CHECK(page.count == 1 && strcmp(page.rows[0].agent_name.data, "Ida") == 0);
    CHECK(strncmp(page.rows[0].last_message.data, "Number ", 7) == 0 && page.rows[0].last_message_at > 0);
    OK(convofold_page_close(&page));
    query = (convofold_query){.size = sizeof query};
    OK(convofold_query_page(db, &query, &page));
    CHECK(page.count == 7 && page.rows[0].last_message.data == NULL);
    CHECK(page.rows[0].last_message_at == CONVOFOLD_NO_TIME);
    OK(convofold_page_close(&page));
    query.agent = "Idaa";
    SAYS("\"unknown\":[{\"condition\":\"agent\",\"value\":\"Idaa\",\"similar\":[\"Ida\"]}]",
         convofold_query_json(db, &query, &json));
}

static void pages_are_continued(convofold_db db)
{
    convofold_query query = {.size = sizeof query, .agent = "7", .sort = CONVOFOLD_SORT_STARTED, .limit = 3};
    convofold_page page;
    size_t rows = 0, pages = 0;
    char expected[16];
    do {
        OK(convofold_query_page(db, &query, &page));
        for (size_t i = 0; i < page.count; i++) {
            const convofold_row *row = &page.rows[i];
            snprintf(expected, sizeof expected, "c-%zu", rows);
            CHECK(strcmp(row->id.data, expected) == 0 && row->id.length == strlen(expected));
            CHECK(row->started_at == 1700000000000LL + (int64_t)rows * 1000 && row->tenant.data == NULL);
            CHECK((row->waiting_since == CONVOFOLD_NO_TIME) == (row->unread == 0) && row->suspect == 0);
            rows++;
        }
        pages++;
        CHECK(page.count <= 3);
        /* The cursor is used after the page is closed. */
        static char cursor[64];
        CHECK(page.next.length < sizeof cursor);
        bool is_last = page.next.data == NULL;
        if (!is_last)
            memcpy(cursor, page.next.data, page.next.length);
        query.cursor = (convofold_text){.data = is_last ? NULL : cursor, .length = page.next.length};
        OK(convofold_page_close(&page));
    } while (query.cursor.data != NULL);
    CHECK(rows == 7 && pages == 3);
    query.sort = CONVOFOLD_SORT_WAITING;
    query.cursor = (convofold_text){.data = "s1700000000000:c-0", .length = 18};
    EXPECT(CONVOFOLD_ERROR_BAD_CURSOR, convofold_query_page(db, &query, &page));
    CHECK(page.id == 0 && page.rows == NULL && page.count == 0);
    query = (convofold_query){.size = sizeof query, .flags = CONVOFOLD_FLAG_UNASSIGNED};
    OK(convofold_query_page(db, &query, &page));
    CHECK(page.count == 0 && page.next.data == NULL);
    OK(convofold_page_close(&page));
    query = (convofold_query){.size = sizeof query, .unread_min = 1000};
    SAYS("{\"rows\":[],\"next\":null,\"unknown\":[]}", convofold_query_json(db, &query, &json));
}

static void bookmarks_go_with_events(convofold_db db)
{
    char *value;
    size_t length = 7;
    OK(convofold_bookmark(db, "stream", &value, &length));
    CHECK(value == NULL && length == 0);
    convofold_ingest_options options = {
        .size = sizeof options, .bookmark_name = "stream", .bookmark_value = "a\0b", .bookmark_length = 3};
    OK(convofold_ingest(db, "", 0, &options, NULL, NULL));
    OK(convofold_bookmark(db, "stream", &value, &length));
    CHECK(length == 3 && memcmp(value, "a\0b", 4) == 0);
    OK(convofold_string_free(value));
}

static int32_t stop_at_once(void *user_data, const void *bytes, size_t length)
{
    (void)bytes, (void)length;
    ++*(int *)user_data;
    return 7;
}

static void exports_come_back(convofold_db db)
{
    int calls = 0;
    EXPECT(CONVOFOLD_ERROR_STOPPED, convofold_export(db, stop_at_once, &calls, NULL));
    EXPECT(CONVOFOLD_ERROR_STOPPED, convofold_export_events(db, stop_at_once, &calls, NULL));
    CHECK(calls == 2);
    buffer events = {0};
    SAYS("\"events\":70", convofold_export_events(db, append, &events, &json));
    SAYS("\"events\":70", convofold_export_events_file(db, in_folder("events"), &json));
    SAYS("\"conversations\":7", convofold_export_file(db, in_folder("states"), &json));
    size_t length;
    char *file = read_file(in_folder("events"), &length);
    CHECK(length == events.length && memcmp(file, events.bytes, length) == 0);
    free(file);
    convofold_db copy = open_db("copy");
    OK(convofold_ingest(copy, events.bytes, events.length, NULL, NULL, NULL));
    CHECK(same_hash(db, copy));
    free(events.bytes);
    OK(convofold_close(copy));
}

typedef struct {
    int progress, rejections;
    bool stop;
} listener;

static int32_t on_progress(void *user_data, const convofold_progress *progress)
{
    listener *told = user_data;
    told->progress++;
    CHECK(strstr(progress->input, "log") != NULL && progress->bytes_read <= progress->bytes_total);
    return 0;
}

static int32_t on_rejection(void *user_data, const char *input, const char *json)
{
    listener *told = user_data;
    told->rejections++;
    CHECK(strstr(input, "log") != NULL && strstr(json, "\"reason\":\"not JSON\"") != NULL);
    return told->stop;
}

static void logs_are_replayed(convofold_db db)
{
    OK(convofold_export_events_file(db, in_folder("log"), NULL));
    FILE *log = fopen(in_folder("log"), "a");
    CHECK(log != NULL && fputs("{]\n", log) >= 0 && fclose(log) == 0);
    convofold_db replayed = open_db("replayed");
    listener told = {.stop = true};
    convofold_replay_options options = {.size = sizeof options,
                                        .flags = CONVOFOLD_FLAG_CHECKPOINT,
                                        .on_progress = on_progress,
                                        .on_rejection = on_rejection,
                                        .user_data = &told};
    const char *files[] = {in_folder("log")};
    SAYS("\"stopped\":true", convofold_replay(replayed, files, 1, &options, &json));
    told.stop = false;
    SAYS("\"stopped\":false", convofold_replay(replayed, files, 1, &options, &json));
    CHECK(told.progress >= 2 && told.rejections >= 1 && same_hash(db, replayed));
    OK(convofold_close(replayed));
}

static void on_step(void *user_data, const char *step, uint64_t done, uint64_t total)
{
    ++*(int *)user_data;
    CHECK(step[0] != '\0' && done <= total);
}

static void databases_are_kept_safe(convofold_db db)
{
    int steps = 0;
    SAYS("\"last_seq\":70", convofold_backup(db, in_folder("one"), NULL, on_step, &steps, &json));
    EXPECT(CONVOFOLD_ERROR_EXISTS, convofold_backup(db, in_folder("one"), NULL, NULL, NULL, NULL));
    ingest_messages(db, 70, 30);
    SAYS("\"last_seq\":100", convofold_backup(db, in_folder("two"), in_folder("one"), on_step, &steps, &json));
    const char *files[] = {in_folder("one"), in_folder("two")};
    SAYS("\"last_seq\":100", convofold_restore(files, 2, in_folder("restored"), NULL, on_step, &steps, &json));
    EXPECT(CONVOFOLD_ERROR_EXISTS, convofold_restore(files, 2, in_folder("restored"), NULL, NULL, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT,
           convofold_restore(files + 1, 1, in_folder("half"), NULL, NULL, NULL, NULL));
    EXPECT(CONVOFOLD_ERROR_ALREADY_OPEN, convofold_repair(in_folder("db"), in_folder("saved"), NULL, NULL, NULL));
    convofold_db restored = open_db("restored");
    CHECK(same_hash(db, restored));
    uint64_t found = 7;
    SAYS("\"problems\":[]", convofold_verify(db, on_step, &steps, &found, &json));
    CHECK(found == 0);
    found = 7;
    SAYS("\"differences\":[]", convofold_audit(db, 3, 1, &found, &json));
    CHECK(found == 0);
    OK(convofold_close(restored));
    SAYS("\"lost\":[]", convofold_repair(in_folder("restored"), in_folder("saved"), on_step, &steps, &json));
    CHECK(steps >= 5);
    convofold_db saved = open_db("saved");
    CHECK(same_hash(db, saved));
    OK(convofold_close(saved));
}

static void what_is_old_can_go(convofold_db db)
{
    OK(convofold_checkpoint(db, NULL));
    ingest_messages(db, 100, 1);
    SAYS("\"first_seq\":71", convofold_trim(db, 1700000000000LL + 70000, &json));
    convofold_feed feed;
    OK(convofold_feed_open(db, 1, &feed));
    char *json;
    EXPECT(CONVOFOLD_ERROR_DROPPED, convofold_feed_next(feed, 0, &json));
    OK(convofold_feed_close(feed));
    SAYS("\"text\":\"Number 8\"", convofold_history_json(db, "c-1", &json));
}

static int32_t add_length(void *user_data, const void *bytes, size_t length)
{
    *(size_t *)user_data += length;
    return bytes == NULL;
}

static void members_are_told_what_is_stored(convofold_db db)
{
    size_t length = 0;
    SAYS("\"conversations\":1,\"events\":15",
         convofold_disclose(db, "{\"conversations\":[\"c-1\"]}", add_length, &length, &json));
    CHECK(length > 0);
    SAYS("\"conversations\":0", convofold_disclose(db, "{\"numbers\":[\"1\"]}", add_length, &length, &json));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_disclose(db, "{}", add_length, &length, NULL));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_disclose(db, "{\"member\":[]}", add_length, &length, NULL));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_disclose(db, NULL, add_length, &length, NULL));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_disclose(db, "{\"numbers\":[\"1\"]}", NULL, NULL, NULL));
}

static void members_are_erased_unless_a_hold_keeps_them(convofold_db db)
{
    const char *event = "{\"convofold\":1,\"source\":\"desk\",\"conversation\":\"m-700100_1\",\"kind\":\"close\","
                        "\"occurred\":\"2026-03-02T09:15:00Z\",\"member_business_id\":\"m-700100\"}";
    OK(convofold_ingest(db, event, strlen(event), NULL, NULL, NULL));
    uint64_t number = 0;
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_hold(db, "{\"nobody\":\"m-700100\"}", "case 7", &number));
    OK(convofold_hold(db, "{\"member\":\"m-700100\"}", "case 7", &number));
    CHECK(number == 1);
    SAYS("\"reason\":\"case 7\"", convofold_holds_json(db, &json));
    EXPECT(CONVOFOLD_ERROR_HELD, convofold_erase(db, "{\"members\":[\"m-700100\"]}", NULL));
    OK(convofold_lift_hold(db, number));
    EXPECT(CONVOFOLD_ERROR_NOT_FOUND, convofold_lift_hold(db, number));
    SAYS("{\"would_erase\":[{\"conversation\":\"m-700100_1\"",
         convofold_erase(db, "{\"members\":[\"m-700100\"],\"dry_run\":true}", &json));
    SAYS("{\"erased\":{\"number\":1,", convofold_erase(db, "{\"members\":[\"m-700100\"]}", &json));
    SAYS("{\"erased\":null}", convofold_erase(db, "{\"members\":[\"m-700100\"]}", &json));
    SAYS("[{\"number\":1,", convofold_erasures_json(db, &json));
    EXPECT(CONVOFOLD_ERROR_HELD, convofold_erase(db, "{\"conversations\":[\"c-1\"]}", NULL));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_erase(db, "{}", NULL));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_erase(db, "{\"member\":\"m-1\"}", NULL));
    convofold_ingested ingested = {.size = sizeof ingested};
    OK(convofold_ingest(db, event, strlen(event), NULL, &ingested, NULL));
    CHECK(ingested.events == 1 && ingested.erased == 1 && ingested.applied == 0 && ingested.duplicates == 0);
    convofold_counters counters = {.size = sizeof counters};
    OK(convofold_get_counters(db, &counters));
    CHECK(counters.erased == 1);
}

static void what_is_older_than_a_rule_is_removed(convofold_db db)
{
    const int64_t now_ms = 1772442900000LL + 1000;
    SAYS("\"texts\":", convofold_retain(db, "{\"texts_ms\":1000}", now_ms, 1, &json));
    SAYS("\"text\":\"Number 8\"", convofold_history_json(db, "c-1", &json));
    SAYS("\"number\":1,", convofold_retain(db, "{\"texts_ms\":1000}", now_ms, 0, &json));
    char *json;
    OK(convofold_history_json(db, "c-1", &json));
    CHECK(strstr(json, "Number 8") == NULL);
    OK(convofold_string_free(json));
    SAYS("[{\"number\":1,", convofold_retention_runs_json(db, &json));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_retain(db, "{\"closed_ms\":1000}", now_ms, 0, NULL));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_retain(db, "[]", now_ms, 0, NULL));
    EXPECT(CONVOFOLD_ERROR_INVALID_ARGUMENT, convofold_retain(db, "{}", INT64_MIN, 0, NULL));
}

static void unused_room_is_given_back(convofold_db db)
{
    convofold_hash before, after;
    OK(convofold_state_hash(db, &before));
    SAYS("\"after_bytes\":", convofold_compact(db, &json));
    OK(convofold_compact(db, NULL));
    OK(convofold_state_hash(db, &after));
    CHECK(memcmp(&before, &after, sizeof before) == 0);
}

int main(void)
{
    make_folder();
    convofold_db db = open_db("db");
    ingest_messages(db, 0, 70);
    questions_are_answered(db);
    values_are_explained(db);
    names_are_found_and_last_messages_returned(db);
    pages_are_continued(db);
    bookmarks_go_with_events(db);
    exports_come_back(db);
    logs_are_replayed(db);
    databases_are_kept_safe(db);
    what_is_old_can_go(db);
    members_are_told_what_is_stored(db);
    members_are_erased_unless_a_hold_keeps_them(db);
    what_is_older_than_a_rule_is_removed(db);
    unused_room_is_given_back(db);
    OK(convofold_close(db));
    return 0;
}
