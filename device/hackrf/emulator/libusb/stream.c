// The stream: which samples exist at a time, which of them fit into the transfers that
// wait, and which are lost because none waited for longer than the radio's own buffer
// lasts. Transfers fill by the clock, not when somebody looks: a host that looks late
// finds them full, as with the real bus.
#include <string.h>

#include "emulator.h"

static const double second = 1e9;

// A sweep keeps one block in three: the firmware throws away what it samples while the
// synthesizer settles.
enum { SWEEP_SHARE = 3 };

static double bytes_per_ns(const struct radio *r) {
	return 2 * r->rate / second / (r->mode == MODE_SWEEP ? SWEEP_SHARE : 1);
}

// sampled is the position that the converter has reached. A time that is older than what
// was handed over since is no earlier position.
static uint64_t sampled(const struct radio *r, int64_t t) {
	if (t < r->start) return r->position;
	uint64_t bytes = (uint64_t)((double)(t - r->start) * bytes_per_ns(r));
	bytes &= r->mode == MODE_SWEEP ? ~(uint64_t)(BLOCK - 1) : ~UINT64_C(1);
	return r->origin + bytes > r->position ? r->origin + bytes : r->position;
}

void stream_begin(struct radio *r, int64_t t) {
	r->running = true;
	r->start = t;
	r->origin = r->position = 0;
	r->short_of_room = false;
	r->shortfalls = r->longest_shortfall = 0;
	r->lost = 0;
	r->block_left = 0;
	r->blocks = 0;
	sweep_restart(&r->sweep);
}

void stream_end(struct radio *r, int64_t t) {
	stream_advance(r, t);
	if (r->running)
		log_line(r, "stream %llu lost %llu shortfalls %u", (unsigned long long)(r->position - r->lost),
			(unsigned long long)r->lost, r->shortfalls);
	r->running = false;
}

static void next_block(struct radio *r) {
	double center = (double)r->sweep.hz + r->sweep.offset_hz;
	air_sample(r, center, r->blocks++ * SWEEP_SHARE * BLOCK / 2, (signed char *)r->block, BLOCK / 2);
	r->block[0] = r->block[1] = 0x7f;
	for (int i = 0; i < 8; i++) r->block[2 + i] = (unsigned char)(r->sweep.hz >> 8 * i);
	r->block_left = BLOCK;
	sweep_advance(&r->sweep);
}

static void fill(struct radio *r, unsigned char *out, size_t bytes) {
	if (r->mode != MODE_SWEEP) {
		air_sample(r, r->center_hz, r->position / 2, (signed char *)out, bytes / 2);
		r->position += bytes;
		return;
	}
	r->position += bytes;
	while (bytes > 0) {
		if (r->block_left == 0) next_block(r);
		size_t m = (size_t)r->block_left < bytes ? (size_t)r->block_left : bytes;
		memcpy(out, r->block + BLOCK - r->block_left, m);
		r->block_left -= (int)m;
		out += m;
		bytes -= m;
	}
}

// length of a transfer: a shortened one ends within a packet of the bus, or at once if
// it holds more already.
static int length(const struct radio *r, const struct transfer *t) {
	enum { SHORT = 100000 };
	if (!r->shortened || t->usb.length <= SHORT) return t->usb.length;
	return t->usb.actual_length > SHORT ? t->usb.actual_length : SHORT;
}

// serve hands over as many bytes as there are, to as many transfers as wait.
static void serve(struct radio *r, uint64_t bytes) {
	while (r->queue.first) {
		struct transfer *t = r->queue.first;
		uint64_t room = (uint64_t)(length(r, t) - t->usb.actual_length);
		uint64_t m = bytes < room ? bytes : room;
		fill(r, t->usb.buffer + t->usb.actual_length, m);
		t->usb.actual_length += (int)m;
		bytes -= m;
		if (m < room) return;
		pop(&r->queue);
		finish(t, r->failing ? TRANSFER_ERROR : TRANSFER_COMPLETED);
		r->failing = r->shortened = false;
		if (unpaced) return;
	}
}

void stream_advance(struct radio *r, int64_t t) {
	if (!r->running || r->stalled || !r->queue.first) return;
	serve(r, unpaced ? UINT64_MAX : sampled(r, t) - r->position);
}

// stream_rebase restarts the clock at the position reached, before the rate changes.
void stream_rebase(struct radio *r, int64_t t) {
	if (!r->running) return;
	r->origin = sampled(r, t);
	r->start = t;
}

static uint64_t lost(const struct radio *r, int64_t t) {
	if (!r->running || unpaced || (r->queue.first && !r->stalled)) return 0;
	uint64_t held = sampled(r, t) - r->position;
	return held > BUFFER ? held - BUFFER : 0;
}

// stream_count brings the counters of shortfalls up to date.
void stream_count(struct radio *r, int64_t t) {
	uint64_t n = lost(r, t);
	if (n == 0) return;
	if (!r->short_of_room) r->shortfalls++;
	r->short_of_room = true;
	if (n > r->longest_shortfall) r->longest_shortfall = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

// recover goes on after n bytes were lost. What the buffer holds is older than they. A
// sweep stands still while it cannot be read: its blocks are late, not lost.
static void recover(struct radio *r, uint64_t n) {
	r->short_of_room = false;
	if (n == 0) return;
	serve(r, BUFFER);
	if (r->mode == MODE_SWEEP) n &= ~(uint64_t)(BLOCK - 1);
	n &= ~UINT64_C(1);
	r->position += n;
	if (r->mode != MODE_SWEEP) r->lost += n;
}

void stream_submit(struct radio *r, struct transfer *x, int64_t t) {
	stream_advance(r, t);
	stream_count(r, t);
	uint64_t n = lost(r, t);
	bool first = !r->queue.first;
	push(&r->queue, x);
	if (r->mode != MODE_OFF && !r->running) stream_begin(r, t);
	if (first && !r->stalled) recover(r, n);
}

void stream_stall(struct radio *r, bool stalled, int64_t t) {
	if (stalled == r->stalled) return;
	stream_advance(r, t);
	stream_count(r, t);
	uint64_t n = lost(r, t);
	r->stalled = stalled;
	if (!stalled && r->queue.first) recover(r, n);
}

// stream_skip loses samples as if the host had been late.
void stream_skip(struct radio *r, uint32_t bytes) {
	if (!r->running) return;
	r->shortfalls++;
	if (bytes > r->longest_shortfall) r->longest_shortfall = bytes;
	r->origin += bytes;
	r->position += bytes;
	r->lost += bytes;
}

int64_t stream_next(const struct radio *r) {
	if (!r->running || r->stalled || !r->queue.first) return INT64_MAX;
	if (unpaced) return 0;
	const struct transfer *t = r->queue.first;
	uint64_t want = r->position + (uint64_t)(length(r, t) - t->usb.actual_length) - r->origin;
	if (r->mode == MODE_SWEEP) want = (want + BLOCK - 1) & ~(uint64_t)(BLOCK - 1);
	return r->start + (int64_t)((double)want / bytes_per_ns(r)) + 1;
}
