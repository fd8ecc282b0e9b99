/* Suspects. */
#include "check.h"

#define INVALID CONVOFOLD_ERROR_INVALID_ARGUMENT

static convofold_db open_db(const char *name)
{
    convofold_db db;
    OK(convofold_open(in_folder(name), NULL, &db));
    return db;
}

static convofold_view view_of(convofold_db db, uint64_t known_at_seq)
{
    convofold_view view;
    convofold_moment moment = {.size = sizeof moment, .known_at_seq = known_at_seq};
    OK(convofold_view_open(db, &moment, &view));
    return view;
}

static void ingest_text(convofold_db db, const char *text)
{
    char *rejections = NULL;
    OK(convofold_ingest(db, text, strlen(text), NULL, NULL, &rejections));
    CHECK(rejections == NULL);
}

#define DESK "{\"convofold\":1,\"source\":\"desk\",\"conversation\":\"c\","

static void lost_messages_are_reported(void)
{
    convofold_db db = open_db("suspects");
    SAYS("{\"conversations\":0,\"events\":0,\"zone\":\"UTC\",\"kinds\":[],", convofold_suspects_json(db, NULL, &json));
    /* One message is known, and the source states three. */
    ingest_text(db, DESK "\"kind\":\"open\",\"unread\":0,\"occurred\":\"2023-11-14T22:13:20Z\"}\n" DESK
                         "\"kind\":\"message\",\"direction\":\"in\",\"occurred\":\"2023-11-14T22:13:21Z\"}\n");
    ingest_text(db, DESK "\"kind\":\"update\",\"unread\":3,\"occurred\":\"2023-11-14T23:14:20Z\"}\n");
    SAYS("{\"conversations\":1,\"events\":1,", convofold_suspects_json(db, NULL, &json));
    SAYS("\"kinds\":[{\"kind\":\"unread\",\"source\":\"desk\",\"conversations\":1,\"events\":1,\"missing\":2,"
         "\"first_at\":1700003660000,\"last_at\":1700003660000}]",
         convofold_suspects_json(db, NULL, &json));
    SAYS("\"gaps\":1,\"missing\":2}]}", convofold_suspects_json(db, NULL, &json));
    convofold_suspects_query query = {.size = sizeof query, .zone = "Europe/Berlin"};
    SAYS("\"days\":[{\"day\":\"2023-11-15\",\"kind\":\"unread\"", convofold_suspects_json(db, &query, &json));
    query = (convofold_suspects_query){.size = sizeof query, .since_ms = 1700003660000, .source = "desk"};
    SAYS("\"events\":1,", convofold_suspects_json(db, &query, &json));
    query.until_ms = query.since_ms;
    SAYS("\"events\":0,", convofold_suspects_json(db, &query, &json));
    query = (convofold_suspects_query){.size = sizeof query, .tenant = "acme"};
    SAYS("\"events\":0,", convofold_suspects_json(db, &query, &json));
    convofold_view before = view_of(db, 2), now = view_of(db, 3);
    SAYS("\"events\":0,", convofold_view_suspects_json(before, NULL, &json));
    SAYS("\"events\":1,", convofold_view_suspects_json(now, NULL, &json));
    char *json;
    query = (convofold_suspects_query){.size = sizeof query, .zone = "Europe/Atlantis"};
    EXPECT(INVALID, convofold_suspects_json(db, &query, &json));
    query = (convofold_suspects_query){.size = sizeof query, .tenant = "\xff"};
    EXPECT(CONVOFOLD_ERROR_NOT_UTF8, convofold_view_suspects_json(now, &query, &json));
    EXPECT(INVALID, convofold_suspects_json(db, &(convofold_suspects_query){0}, &json));
    EXPECT(INVALID, convofold_suspects_json(db, NULL, NULL));
    CHECK(json == NULL);
    OK(convofold_view_close(before));
    OK(convofold_view_close(now));
    OK(convofold_close(db));
}

int main(void)
{
    make_folder();
    lost_messages_are_reported();
    return 0;
}
