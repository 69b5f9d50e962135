// The firmware's sweep: blocks of 16,384 bytes, each said to be tuned somewhere.
#include <string.h>

#include "emulator.h"

static uint32_t u32(const unsigned char *p) {
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool sweep_configure(struct sweep *s, uint32_t bytes, const unsigned char *data, uint16_t length) {
	int ranges = (length - 9) / 4;
	if (length < 13 || (length - 9) % 4 || ranges > RANGES || bytes == 0 || bytes % BLOCK || data[8] > 1)
		return false;
	*s = (struct sweep){
		.step_hz = u32(data),
		.offset_hz = u32(data + 4),
		.interleaved = data[8] == 1,
		.dwell_blocks = bytes / BLOCK,
		.ranges = ranges,
	};
	if (s->step_hz == 0) return false;
	for (int i = 0; i < 2 * ranges; i++)
		s->mhz[i] = (uint16_t)(data[9 + 2 * i] | data[10 + 2 * i] << 8);
	sweep_restart(s);
	return true;
}

static void enter(struct sweep *s, int range) {
	s->range = range;
	s->hz = s->mhz[2 * range] * UINT64_C(1000000);
}

void sweep_restart(struct sweep *s) {
	enter(s, 0);
	s->odd = true;
	s->dwelt = 0;
}

// sweep_advance goes on to the next block. Interleaved, a step is visited twice: at its
// start and a quarter of a step further, since each visit gives two quarters that are
// half a step apart.
void sweep_advance(struct sweep *s) {
	if (++s->dwelt < s->dwell_blocks) return;
	s->dwelt = 0;
	bool last = s->hz + s->step_hz >= s->mhz[2 * s->range + 1] * UINT64_C(1000000);
	if (s->interleaved && s->odd) {
		s->hz += s->step_hz / 4;
	} else if (last) {
		enter(s, (s->range + 1) % s->ranges);
	} else {
		s->hz += s->interleaved ? 3 * (uint64_t)s->step_hz / 4 : s->step_hz;
	}
	s->odd = !s->odd;
}
