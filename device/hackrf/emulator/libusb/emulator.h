// A HackRF One behind the functions of libusb-1.0: what its parts owe each other.
//
//	usb.c       contexts, devices, handles, transfers and their events
//	radio.c     what the radio answers to control requests, and its settings
//	stream.c    the clock that fills transfers with samples, and what is lost
//	sweep.c     the firmware's sweep: which block is tuned where
//	air.c       tones and noise, as the settings let them through
//	faults.c    what goes wrong, and when
//	settings.c  the environment, emulator_configure and the control file
//
// One lock guards everything; it is never held while a callback of the user runs.
#ifndef EMULATOR_H
#define EMULATOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "usb.h"

enum {
	RADIOS = 8,           // at most
	BLOCK = 16384,        // bytes of a sweep block
	BUFFER = 32768,       // bytes the radio holds while no transfer waits for them
	RANGES = 10,          // of a sweep, as many as the firmware takes
	SERIAL = 32,          // hexadecimal digits
};

enum mode { MODE_OFF = 0, MODE_RECEIVE = 1, MODE_SWEEP = 5 };

enum control { CONTROL_FINE, CONTROL_FAILS, CONTROL_TIMES_OUT, CONTROL_HANGS };

struct sweep {
	uint32_t step_hz, offset_hz, dwell_blocks;
	bool interleaved;
	int ranges;
	uint16_t mhz[2 * RANGES];
	// Where it is.
	int range;
	bool odd;
	uint64_t hz;
	uint32_t dwelt;
};

// A transfer is ours around the one that the user sees.
struct transfer {
	struct transfer *next;
	bool pending; // submitted, and its callback has not been called
	struct libusb_transfer usb;
};

struct queue {
	struct transfer *first, *last;
};

struct radio {
	char serial[SERIAL + 1];
	bool plugged;
	unsigned plug; // times it was plugged in; handles of an earlier time are dead
	const libusb_device_handle *owner; // has claimed it
	int claim;                         // keeps other programs from that

	// Faults that last.
	bool stalled, refused, busy;
	enum control control;
	// Faults of the next transfer.
	bool failing, shortened;

	// Settings.
	double rate, center_hz, filter_hz;
	int lna, vga;
	bool amp, bias;
	enum mode mode;
	struct sweep sweep;

	// The stream. Positions count bytes since it began.
	struct queue queue;
	bool running;      // the clock of the samples
	int64_t start;     // when position origin was sampled
	uint64_t origin;
	uint64_t position; // next to be handed over
	bool short_of_room;
	uint32_t shortfalls, longest_shortfall;
	uint64_t lost;
	unsigned char block[BLOCK]; // of the sweep, being handed over
	int block_left;
	uint64_t blocks;
};

extern pthread_mutex_t lock;
extern pthread_cond_t changed; // by the monotonic clock
extern struct radio radios[RADIOS];
extern int radio_count;

int64_t now(void); // ns

// usb.c
void radios_named(const char *serials);
void radio_unplug(struct radio *r);
void radio_replug(struct radio *r);
void push(struct queue *q, struct transfer *t);
struct transfer *pop(struct queue *q);
void finish(struct transfer *t, int status); // to its callback, in the event thread

// radio.c
void radio_reset(struct radio *r);
int radio_control(struct radio *r, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
	unsigned char *data, uint16_t length);

// stream.c
void stream_begin(struct radio *r, int64_t t);
void stream_end(struct radio *r, int64_t t);
void stream_advance(struct radio *r, int64_t t);
void stream_rebase(struct radio *r, int64_t t);
void stream_count(struct radio *r, int64_t t);
void stream_submit(struct radio *r, struct transfer *x, int64_t t);
void stream_stall(struct radio *r, bool stalled, int64_t t);
void stream_skip(struct radio *r, uint32_t bytes);
int64_t stream_next(const struct radio *r); // when the next transfer is full

// sweep.c
bool sweep_configure(struct sweep *s, uint32_t bytes, const unsigned char *data, uint16_t length);
void sweep_restart(struct sweep *s);
void sweep_advance(struct sweep *s);

// air.c
bool air_tones(const char *text);
bool air_noise(const char *text);
bool air_leak(const char *text);
void air_sample(const struct radio *r, double center_hz, uint64_t n, signed char *out, size_t samples);

// faults.c
bool faults_schedule(const char *text);
bool faults_command(const char *text, bool past);
void faults_due(int64_t t);
int64_t faults_next(void);

// settings.c
extern bool unpaced;
extern char lock_name[64], firmware[64];
extern uint16_t api_version;
extern const struct board {
	const char *key, *name;
	uint8_t id;
	uint16_t product;
} *board;
void log_line(const struct radio *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
void settings_poll(int64_t t);
int64_t settings_next(int64_t t);
__attribute__((visibility("default"))) int emulator_configure(const char *lines);

#endif
