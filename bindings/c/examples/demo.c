/* Ingests the body of a webhook and lists the open conversations of an agent. */
#include <convofold.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const body =
    "{\"occurred\":\"2026-03-02T09:15:00Z\",\"body\":{\"name\":\"live_chat_message\",\"interaction_type\":\"sms_in\","
    "\"transaction\":\"t-1\",\"properties\":{\"message\":{\"number\":\"4512345678\",\"agent_id\":\"a-7\","
    "\"agent_name\":\"Ida\",\"message\":\"Is the shop open today?\"}}}}";

static int failed(const char *what)
{
    fprintf(stderr, "cannot %s: %s\n", what, convofold_last_error_message());
    return 1;
}

static int ask(convofold_db db)
{
    convofold_query query = {.size = sizeof query, .agent = "Ida", .limit = 50};
    convofold_page page;
    if (convofold_query_page(db, &query, &page) != CONVOFOLD_OK)
        return failed("query");
    for (size_t i = 0; i < page.count; i++)
        printf("%s: %" PRIu64 " unread, waiting since %" PRId64 "\n", page.rows[i].id.data, page.rows[i].unread,
               page.rows[i].waiting_since);
    convofold_page_close(&page);

    convofold_hash hash;
    if (convofold_state_hash(db, &hash) != CONVOFOLD_OK)
        return failed("compute the state hash");
    printf("%s\n", hash.hex);
    return 0;
}

int main(int argc, char **argv)
{
    convofold_db db;
    if (convofold_open(argc > 1 ? argv[1] : "demo.db", NULL, &db) != CONVOFOLD_OK)
        return failed("open the database");
    /* When this returns, the event is durable. A repeated event counts as a duplicate. */
    convofold_ingested ingested = {.size = sizeof ingested};
    if (convofold_ingest(db, body, strlen(body), NULL, &ingested, NULL) != CONVOFOLD_OK)
        return failed("ingest");
    printf("%" PRIu64 " applied, %" PRIu64 " already stored\n", ingested.applied, ingested.duplicates);
    int status = ask(db);
    if (convofold_close(db) != CONVOFOLD_OK)
        return failed("close the database");
    return status;
}
