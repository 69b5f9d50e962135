// What goes wrong, and when. A fault is a word, and a suffix of the serial if it is for
// some of the radios only: unplug, stall:01. The package documentation of the helper in Go says
// what each does.
#include <stdlib.h>
#include <string.h>

#include "emulator.h"

enum { FAULTS = 256, FAULT = 64 };

static struct {
	int64_t at;
	char what[FAULT];
} schedule[FAULTS];
static int scheduled, done;

static void unplug(struct radio *r) { radio_unplug(r); }
static void replug(struct radio *r) { radio_replug(r); }
static void stall(struct radio *r) { stream_stall(r, true, now()); }
static void refuse(struct radio *r) { r->refused = true; }
static void busy(struct radio *r) { r->busy = true; }
static void control(struct radio *r) { r->control = CONTROL_FAILS; }
static void timeout(struct radio *r) { r->control = CONTROL_TIMES_OUT; }
static void hang(struct radio *r) { r->control = CONTROL_HANGS; }
static void resume(struct radio *r) {
	r->refused = r->busy = false;
	r->control = CONTROL_FINE;
	stream_stall(r, false, now());
}
static void error(struct radio *r) { r->failing = true; }
static void shorten(struct radio *r) { r->shortened = true; }
static void overrun(struct radio *r) { stream_skip(r, 1 << 20); }

static const struct {
	const char *name;
	void (*apply)(struct radio *);
	bool once; // does not outlast the moment
} faults[] = {
	{"unplug", unplug, false},
	{"replug", replug, false},
	{"stall", stall, false},
	{"refuse", refuse, false},
	{"busy", busy, false},
	{"control", control, false},
	{"timeout", timeout, false},
	{"hang", hang, false},
	{"resume", resume, false},
	{"error", error, true},
	{"short", shorten, true},
	{"overrun", overrun, true},
};

static bool named(const struct radio *r, const char *suffix) {
	size_t all = strlen(r->serial), some = strlen(suffix);
	return some <= all && !strcmp(r->serial + all - some, suffix);
}

// faults_command obeys one fault. What passed before this program began is past: then
// only what lasts counts.
bool faults_command(const char *text, bool past) {
	size_t n = strcspn(text, ":");
	const char *suffix = text[n] ? text + n + 1 : "";
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		if (strlen(faults[i].name) != n || strncmp(faults[i].name, text, n) != 0) continue;
		for (int k = 0; k < radio_count && !(past && faults[i].once); k++)
			if (named(&radios[k], suffix)) faults[i].apply(&radios[k]);
		pthread_cond_broadcast(&changed);
		return true;
	}
	return false;
}

static bool known(const char *what) {
	size_t n = strcspn(what, ":");
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (strlen(faults[i].name) == n && !strncmp(faults[i].name, what, n)) return true;
	return false;
}

static int compare(const void *a, const void *b) {
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

// faults_schedule reads NAME[:SUFFIX][@TIME],…; TIME counts from now, in s, ms or m.
bool faults_schedule(const char *text) {
	int n = 0;
	int64_t t = now();
	while (*text) {
		size_t name = strcspn(text, "@,");
		if (n == FAULTS || name >= FAULT) return false;
		memcpy(schedule[n].what, text, name);
		schedule[n].what[name] = 0;
		if (!known(schedule[n].what)) return false;
		text += name;
		double at = 0, unit = 1e9;
		if (*text == '@') {
			char *end;
			at = strtod(text + 1, &end);
			if (end == text + 1) return false;
			size_t letters = strcspn(end, ",");
			if (letters == 2 && !strncmp(end, "ms", 2)) unit = 1e6;
			else if (letters == 1 && *end == 'm') unit = 60e9;
			else if (letters != 0 && !(letters == 1 && *end == 's')) return false;
			text = end + letters;
		}
		schedule[n++].at = t + (int64_t)(at * unit);
		if (*text == ',') text++;
	}
	qsort(schedule, (size_t)n, sizeof *schedule, compare);
	scheduled = n;
	done = 0;
	return true;
}

void faults_due(int64_t t) {
	while (done < scheduled && schedule[done].at <= t) faults_command(schedule[done++].what, false);
}

int64_t faults_next(void) { return done < scheduled ? schedule[done].at : INT64_MAX; }
