// What the radio answers to control requests, and what it keeps of them.
#include <string.h>

#include "emulator.h"

enum {
	REQUEST_MODE = 1,
	REQUEST_SAMPLE_RATE = 6,
	REQUEST_FILTER = 7,
	REQUEST_BOARD_ID = 14,
	REQUEST_VERSION = 15,
	REQUEST_FREQUENCY = 16,
	REQUEST_AMP = 17,
	REQUEST_SERIAL = 18,
	REQUEST_LNA = 19,
	REQUEST_VGA = 20,
	REQUEST_ANTENNA = 23,
	REQUEST_EXPLICIT_FREQUENCY = 24,
	REQUEST_SWEEP = 26,
	REQUEST_OPERACAKES = 27,
	REQUEST_HARDWARE_SYNC = 29,
	REQUEST_M0_STATE = 41,
	REQUEST_BOARD_REVISION = 45,
	REQUEST_PLATFORM = 46,
};

enum {
	TYPE_OUT = 0x40, // vendor, to the device
	TYPE_IN = 0xc0,
	REVISION_R8 = 0x83, // made by Great Scott Gadgets
	PLATFORM_HACKRF_ONE = 2,
	M0_RECEIVES = 2,
	API_SWEEP = 0x0102,
	API_M0_STATE = 0x0106,
};

void radio_reset(struct radio *r) {
	r->rate = 10e6;
	r->center_hz = 900e6;
	r->filter_hz = 7e6;
	r->lna = 16;
	r->vga = 20;
	r->amp = r->bias = false;
	r->mode = MODE_OFF;
	r->running = false;
	r->sweep = (struct sweep){0};
}

static uint32_t u32(const unsigned char *p) {
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t u64(const unsigned char *p) { return u32(p) | (uint64_t)u32(p + 4) << 32; }

static void put32(unsigned char *p, uint32_t v) {
	for (int i = 0; i < 4; i++) p[i] = (unsigned char)(v >> 8 * i);
}

static int reply(unsigned char *data, uint16_t length, const void *answer, size_t size) {
	if (size > length) size = length;
	memcpy(data, answer, size);
	return (int)size;
}

static int serial(const struct radio *r, unsigned char *data, uint16_t length) {
	unsigned char answer[24];
	put32(answer, 0xa000cb3c);
	put32(answer + 4, 0x00654358);
	for (int i = 0; i < 4; i++) {
		uint32_t v = 0;
		for (int k = 0; k < 8; k++) {
			char c = r->serial[8 * i + k];
			v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		}
		put32(answer + 8 + 4 * i, v);
	}
	return reply(data, length, answer, sizeof answer);
}

static int m0_state(struct radio *r, unsigned char *data, uint16_t length) {
	stream_count(r, now());
	unsigned char answer[40] = {0};
	uint32_t mode = r->running ? M0_RECEIVES : 0;
	answer[0] = (unsigned char)mode;
	put32(answer + 4, mode);
	put32(answer + 8, (uint32_t)r->position);
	put32(answer + 12, (uint32_t)r->position);
	put32(answer + 16, r->shortfalls);
	put32(answer + 20, r->longest_shortfall);
	return reply(data, length, answer, sizeof answer);
}

static bool set_mode(struct radio *r, uint16_t mode) {
	if (mode != MODE_OFF && mode != MODE_RECEIVE && mode != MODE_SWEEP) return false;
	if (mode == MODE_SWEEP && r->sweep.ranges == 0) return false;
	int64_t t = now();
	stream_end(r, t);
	log_line(r, "mode %u", mode);
	r->mode = mode;
	if (mode == MODE_OFF) r->bias = false; // the firmware cuts the antenna's power when it idles
	if (mode != MODE_OFF && r->queue.first) stream_begin(r, t);
	return true;
}

static bool set_gain(int *gain, uint16_t db, int step, int highest) {
	if (db > highest) return false;
	*gain = db / step * step;
	return true;
}

static bool set_switch(const struct radio *r, const char *name, bool *on, uint16_t value) {
	if (value > 1) return false;
	log_line(r, "%s %u", name, value);
	*on = value == 1;
	return true;
}

static bool tune(struct radio *r, double hz) {
	if (hz < 0 || hz > 7.25e9) return false;
	log_line(r, "frequency %.0f", hz);
	r->center_hz = hz;
	return true;
}

static bool tune_explicitly(struct radio *r, double intermediate_hz, double oscillator_hz, unsigned path) {
	switch (path) {
	case 0: return tune(r, intermediate_hz);
	case 1: return tune(r, intermediate_hz - oscillator_hz);
	case 2: return tune(r, intermediate_hz + oscillator_hz);
	}
	return false;
}

// set obeys a request that brings data or none, and says whether it is one.
static bool set(struct radio *r, uint8_t request, uint16_t value, uint16_t index, const unsigned char *data,
	uint16_t length) {
	stream_advance(r, now()); // what was sampled until now was sampled as set before
	switch (request) {
	case REQUEST_MODE:
		return set_mode(r, value);
	case REQUEST_SAMPLE_RATE:
		if (length != 8 || u32(data) == 0 || u32(data + 4) == 0) return false;
		stream_rebase(r, now());
		r->rate = (double)u32(data) / u32(data + 4);
		log_line(r, "rate %.0f", r->rate);
		return true;
	case REQUEST_FILTER: {
		uint32_t hz = value | (uint32_t)index << 16;
		if (hz == 0) return false;
		r->filter_hz = hz;
		log_line(r, "filter %u", hz);
		return true;
	}
	case REQUEST_FREQUENCY:
		return length == 8 && tune(r, u32(data) * 1e6 + u32(data + 4));
	case REQUEST_EXPLICIT_FREQUENCY:
		return length == 17 && tune_explicitly(r, (double)u64(data), (double)u64(data + 8), data[16]);
	case REQUEST_AMP:
		return set_switch(r, "amp", &r->amp, value);
	case REQUEST_ANTENNA:
		return set_switch(r, "bias", &r->bias, value);
	case REQUEST_SWEEP:
		if (api_version < API_SWEEP) return false;
		if (!sweep_configure(&r->sweep, value | (uint32_t)index << 16, data, length)) return false;
		log_line(r, "sweep of %d", r->sweep.ranges);
		return true;
	case REQUEST_HARDWARE_SYNC:
		return value == 0; // no second radio is wired to this one
	}
	return false;
}

static int get(struct radio *r, uint8_t request, uint16_t index, unsigned char *data, uint16_t length) {
	bool newer = api_version >= API_M0_STATE;
	switch (request) {
	case REQUEST_BOARD_ID:
		return reply(data, length, (unsigned char[]){board->id}, 1);
	case REQUEST_VERSION:
		return reply(data, length, firmware, strlen(firmware));
	case REQUEST_SERIAL:
		return serial(r, data, length);
	case REQUEST_LNA:
	case REQUEST_VGA: {
		stream_advance(r, now());
		bool lna = request == REQUEST_LNA;
		bool good = lna ? set_gain(&r->lna, index, 8, 40) : set_gain(&r->vga, index, 2, 62);
		log_line(r, "%s %u", lna ? "lna" : "vga", index);
		return reply(data, length, (unsigned char[]){good}, 1);
	}
	case REQUEST_OPERACAKES: { // antenna switches; none
		unsigned char none[8];
		memset(none, 0xff, sizeof none);
		return reply(data, length, none, sizeof none);
	}
	case REQUEST_M0_STATE:
		return newer ? m0_state(r, data, length) : USB_ERROR_PIPE;
	case REQUEST_BOARD_REVISION:
		return newer ? reply(data, length, (unsigned char[]){REVISION_R8}, 1) : USB_ERROR_PIPE;
	case REQUEST_PLATFORM:
		return newer ? reply(data, length, (unsigned char[]){0, 0, 0, PLATFORM_HACKRF_ONE}, 4) : USB_ERROR_PIPE;
	}
	return USB_ERROR_PIPE;
}

int radio_control(struct radio *r, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
	unsigned char *data, uint16_t length) {
	int rc = USB_ERROR_PIPE;
	if (type == TYPE_IN) rc = get(r, request, index, data, length);
	if (type == TYPE_OUT && set(r, request, value, index, data, length)) rc = length;
	return rc;
}
