"""Buckets in a time zone, and calendars of business hours. Times are milliseconds since the epoch."""

import json
import re
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

DAY_MS = 24 * 3600 * 1000
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def local_date(ms, zone):
    return datetime.fromtimestamp(ms // 1000, timezone.utc).astimezone(zone).date()


def instant(day, minutes, zone):
    """The time at which the clocks of the zone show these minutes of a day: of two the earlier, in a gap shifted forward."""
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)
    return round(local.replace(tzinfo=zone).timestamp()) * 1000


def begins(start, end, every, zone):
    """The beginnings of the buckets that touch [start, end), and the end of the last one."""
    if every is None:
        return [start, end]
    number, unit = re.fullmatch(r"(\d+)(h|d|w|mo)", every).groups()
    number, day = int(number), local_date(start, zone)
    if unit == "h":
        found = []
        while not found or found[-1] < end:
            next_day = instant(day + timedelta(days=1), 0, zone)
            found += range(instant(day, 0, zone), next_day, number * 3600 * 1000)
            day += timedelta(days=1)
        return found
    if unit == "mo":
        month = day.year * 12 + day.month - 1
        first = lambda month: date(month // 12, month % 12 + 1, 1)
        month -= month % number
        days = (first(month + step) for step in range(0, 10**6, number))
    else:
        if unit == "w":
            day -= timedelta(days=day.weekday())
        days = (day + timedelta(days=step * number * (7 if unit == "w" else 1)) for step in range(10**6))
    found = []
    while not found or found[-1] < end:
        found.append(instant(next(days), 0, zone))
    return found


def buckets(start, end, every, zone):
    """[from, to) of every bucket, the first and the last one cut to [start, end)."""
    found = begins(start, end, every, zone)
    pairs = [(max(one, start), min(other, end)) for one, other in zip(found, found[1:])]
    return [(one, other) for one, other in pairs if one < other]


class AlwaysOpen:
    """No calendar: all time counts."""

    def between(self, start, end):
        return max(0, end - start)

    def exceeded_at(self, start, limit):
        """The first millisecond at which more than the limit has passed."""
        return start + limit + 1


class Calendar:
    """Business hours: only time inside them counts."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            fields = json.load(file)
        self.zone = ZoneInfo(fields["zone"])
        self.week = fields["week"]
        self.holidays = set(fields.get("holidays", []))

    def hours(self, day):
        """The open hours of a day as pairs of times."""
        if day.isoformat() in self.holidays:
            return []
        minutes = lambda text: int(text[:2]) * 60 + int(text[3:])
        spans = self.week.get(WEEKDAYS[day.weekday()], [])
        found, last = [], None
        for span in spans:
            open_, close = (instant(day, minutes(text), self.zone) for text in span)
            # Where the clocks skip an hour, a shifted interval could overlap with the one before.
            found.append((open_ if last is None else max(open_, last), close))
            last = close if last is None else max(close, last)
        return found

    def between(self, start, end):
        day, last, total = local_date(start, self.zone), local_date(end, self.zone), 0
        while day <= last:
            total += sum(max(0, min(close, end) - max(open_, start)) for open_, close in self.hours(day))
            day += timedelta(days=1)
        return total

    def exceeded_at(self, start, limit):
        day = local_date(start, self.zone)
        for _ in range(4000):
            for open_, close in self.hours(day):
                begin = max(open_, start)
                if begin < close and begin + limit < close:
                    return begin + limit + 1
                limit -= max(0, close - begin)
            day += timedelta(days=1)
        return None
