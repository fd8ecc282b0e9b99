/* The change feed: read on request, and delivered to a callback. */
#include "check.h"
#include <pthread.h>

static convofold_db db;

static uint64_t seq_of(const char *json)
{
    unsigned long long seq = 0;
    CHECK(sscanf(json, "{\"seq\":%llu,\"at\":%*d,\"event\":{\"convofold\":1,", &seq) == 1);
    return seq;
}

static void a_feed_shows_all_in_order(void)
{
    convofold_feed feed;
    OK(convofold_feed_open(db, 0, &feed));
    ingest_messages(db, 0, 10);
    char *json;
    for (uint64_t seq = 1; seq <= 10; seq++) {
        OK(convofold_feed_next(feed, 10000, &json));
        CHECK(json != NULL && seq_of(json) == seq);
        OK(convofold_string_free(json));
    }
    OK(convofold_feed_next(feed, 1, &json));
    CHECK(json == NULL);
    OK(convofold_feed_close(feed));
    OK(convofold_feed_open(db, 8, &feed));
    OK(convofold_feed_next(feed, 0, &json));
    CHECK(json != NULL && seq_of(json) == 8);
    OK(convofold_string_free(json));
    OK(convofold_feed_close(feed));
}

static void *wait_for_ever(void *argument)
{
    char *json;
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_feed_next(*(convofold_feed *)argument, UINT64_MAX, &json));
    CHECK(json == NULL);
    return NULL;
}

static void closing_a_feed_ends_who_waits_for_it(void)
{
    convofold_feed feed;
    OK(convofold_feed_open(db, 1000, &feed));
    pthread_t waiting[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&waiting[i], NULL, wait_for_ever, &feed) == 0);
    OK(convofold_feed_close(feed));
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(waiting[i], NULL) == 0);
}

/* What the callbacks of a subscription have received. */
typedef struct {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    uint64_t next, stop_at;
    int ends;
    convofold_error ended_with;
    convofold_subscription self;
    convofold_error own_unsubscribe;
} listener;

static const listener NEW = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER, .next = 1, .stop_at = UINT64_MAX};

static int32_t on_change(void *user_data, uint64_t seq, const char *json, size_t length)
{
    listener *told = user_data;
    pthread_mutex_lock(&told->mutex);
    CHECK(seq == told->next && seq_of(json) == seq && strlen(json) == length);
    told->next++;
    if (told->self.id != 0)
        told->own_unsubscribe = convofold_unsubscribe(told->self);
    pthread_cond_broadcast(&told->moved);
    pthread_mutex_unlock(&told->mutex);
    return seq == told->stop_at;
}

static void on_end(void *user_data, convofold_error error, const char *message)
{
    listener *told = user_data;
    pthread_mutex_lock(&told->mutex);
    told->ends++;
    told->ended_with = error;
    CHECK((error == CONVOFOLD_ERROR_NONE) == (message[0] == '\0'));
    pthread_cond_broadcast(&told->moved);
    pthread_mutex_unlock(&told->mutex);
}

static void wait_until(listener *told, uint64_t next, int ends)
{
    pthread_mutex_lock(&told->mutex);
    while (told->next < next || told->ends < ends)
        pthread_cond_wait(&told->moved, &told->mutex);
    pthread_mutex_unlock(&told->mutex);
}

static void a_callback_is_told_of_what_was_and_what_comes(void)
{
    listener told = NEW;
    convofold_subscription subscription;
    OK(convofold_subscribe(db, 0, on_change, on_end, &told, &subscription));
    ingest_messages(db, 10, 10);
    wait_until(&told, 21, 0);
    CHECK(told.ends == 0);
    OK(convofold_unsubscribe(subscription));
    CHECK(told.ends == 1 && told.ended_with == CONVOFOLD_ERROR_NONE);
    ingest_messages(db, 20, 1);
    CHECK(told.next == 21 && told.ends == 1);
    EXPECT(CONVOFOLD_ERROR_CLOSED, convofold_unsubscribe(subscription));
}

static void a_callback_can_end_it(void)
{
    listener told = NEW;
    told.stop_at = 5;
    convofold_subscription subscription;
    OK(convofold_subscribe(db, 0, on_change, on_end, &told, &subscription));
    wait_until(&told, 6, 1);
    OK(convofold_unsubscribe(subscription));
    CHECK(told.next == 6 && told.ends == 1 && told.ended_with == CONVOFOLD_ERROR_NONE);
}

static void a_callback_cannot_wait_for_itself(void)
{
    listener told = NEW;
    told.next = 22;
    convofold_subscription subscription;
    OK(convofold_subscribe(db, 22, on_change, NULL, &told, &subscription));
    pthread_mutex_lock(&told.mutex);
    told.self = subscription;
    pthread_mutex_unlock(&told.mutex);
    ingest_messages(db, 21, 1);
    wait_until(&told, 23, 0);
    OK(convofold_unsubscribe(subscription));
    CHECK(told.own_unsubscribe == CONVOFOLD_ERROR_WOULD_DEADLOCK);
}

static void a_subscription_ends_with_its_database(void)
{
    listener told = NEW;
    convofold_subscription subscription;
    OK(convofold_subscribe(db, 1, on_change, on_end, &told, &subscription));
    wait_until(&told, 23, 0);
    OK(convofold_close(db));
    wait_until(&told, 23, 1);
    CHECK(told.ends == 1 && told.ended_with == CONVOFOLD_ERROR_CLOSED);
    OK(convofold_unsubscribe(subscription));
}

int main(void)
{
    make_folder();
    OK(convofold_open(in_folder("db"), NULL, &db));
    a_feed_shows_all_in_order();
    closing_a_feed_ends_who_waits_for_it();
    a_callback_is_told_of_what_was_and_what_comes();
    a_callback_can_end_it();
    a_callback_cannot_wait_for_itself();
    a_subscription_ends_with_its_database();
    return 0;
}
