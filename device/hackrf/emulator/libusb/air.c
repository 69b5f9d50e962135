// The air: tones and noise, and what of them the radio's settings let through.
//
// Levels are dBFS at LNA 16 dB, VGA 20 dB, amplifier off (what hackrf_sweep sets unless
// told otherwise) and follow each gain dB for dB. 0 dBFS is a complex tone of amplitude
// 128. What is too strong clips at the rails of the converter.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "emulator.h"

enum {
	TONES = 64,
	CHUNK = 1024,       // samples made at a time
	NOISE = 1 << 16,    // samples of noise kept
	LANES = 4, // floats in a register of every processor
	REFERENCE_LNA = 16,
	REFERENCE_VGA = 20,
	AMP_DB = 14,
	FAINTEST = -110,    // dBFS; a weaker tone is not made
};

static const double turn = 6.283185307179586;

static struct {
	double hz, dbfs;
} tones[TONES];
static int tone_count;
static double noise_dbfs = -40; // of a sample, over the whole band
static double leak_dbfs = -INFINITY;
static float noise_re[NOISE + CHUNK + LANES], noise_im[NOISE + CHUNK + LANES];

bool air_tones(const char *text) {
	int n = 0;
	while (*text) {
		char *end;
		double hz = strtod(text, &end);
		if (end == text || *end != ':' || n == TONES) return false;
		text = end + 1;
		double dbfs = strtod(text, &end);
		if (end == text || (*end && *end != ',')) return false;
		tones[n].hz = hz;
		tones[n++].dbfs = dbfs;
		text = *end ? end + 1 : end;
	}
	tone_count = n;
	return true;
}

static bool level(const char *text, double *dbfs) {
	if (!strcmp(text, "off")) {
		*dbfs = -INFINITY;
		return true;
	}
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end) return false;
	*dbfs = v;
	return true;
}

bool air_noise(const char *text) { return level(text, &noise_dbfs); }
bool air_leak(const char *text) { return level(text, &leak_dbfs); }

static uint64_t mix(uint64_t x) { // splitmix64
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static void make_noise(void) {
	for (int i = 0; i < NOISE; i++) {
		double u = (double)(mix(2 * (uint64_t)i) >> 11) * 0x1p-53 + 0x1p-54;
		double phi = turn * (double)(mix(2 * (uint64_t)i + 1) >> 11) * 0x1p-53;
		double radius = sqrt(-log(u)); // of power 1
		noise_re[i] = (float)(radius * cos(phi));
		noise_im[i] = (float)(radius * sin(phi));
	}
	memcpy(noise_re + NOISE, noise_re, CHUNK * sizeof *noise_re);
	memcpy(noise_im + NOISE, noise_im, CHUNK * sizeof *noise_im);
}

static double gain(const struct radio *r) {
	return r->lna - REFERENCE_LNA + r->vga - REFERENCE_VGA + (r->amp ? AMP_DB : 0);
}

// The baseband filter is flat to its edges and falls by 60 dB an octave beyond.
static double filtered(const struct radio *r, double offset_hz) {
	double edges = fabs(offset_hz) / (r->filter_hz / 2);
	return edges > 1 ? -200 * log10(edges) : 0;
}

static double amplitude(double db) { return 128 * pow(10, db / 20); }

// Samples are made by LANES, up to the next whole one: buffers have room for it.
typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

static void hiss(float *out, const float *noise, size_t samples, float amp, float bias) {
	for (size_t i = 0; i < samples; i += LANES) {
		lanes x;
		memcpy(&x, noise + i, sizeof x);
		x = x * amp + bias;
		memcpy(out + i, &x, sizeof x);
	}
}

// add_tone turns LANES neighbouring samples of a tone by as many steps at once.

static void add_tone(float *re, float *im, size_t samples, double amp, uint64_t phase, uint64_t step) {
	lanes c, s;
	for (int k = 0; k < LANES; k++) {
		double a = turn * 0x1p-64 * (double)(int64_t)(phase + (uint64_t)k * step);
		c[k] = (float)(amp * cos(a));
		s[k] = (float)(amp * sin(a));
	}
	double a = turn * 0x1p-64 * (double)(int64_t)(LANES * step);
	float dc = (float)cos(a), ds = (float)sin(a);
	for (size_t i = 0; i < samples; i += LANES) {
		lanes x, y;
		memcpy(&x, re + i, sizeof x);
		memcpy(&y, im + i, sizeof y);
		x += c;
		y += s;
		memcpy(re + i, &x, sizeof x);
		memcpy(im + i, &y, sizeof y);
		lanes t = c * dc - s * ds;
		s = c * ds + s * dc;
		c = t;
	}
}

typedef int32_t counts __attribute__((vector_size(LANES * sizeof(int32_t))));
typedef uint16_t pairs __attribute__((vector_size(LANES * sizeof(uint16_t))));

// counted puts the converter's range at 0…255, so that cutting the fraction rounds, and
// clips to it.
static inline void counted(const float *v, counts *out) {
	const lanes zero = {0}, rail = zero + 255;
	lanes x;
	memcpy(&x, v, sizeof x);
	x += 128.5F;
	x = (lanes)((counts)x & (x > zero));
	counts below = x < rail;
	x = (lanes)(((counts)x & below) | ((counts)rail & ~below));
	*out = __builtin_convertvector(x, counts);
}

// quantise turns samples into signed bytes, I and Q by turns.
static void quantise(const float *re, const float *im, size_t samples, signed char *out) {
	for (size_t i = 0; i < samples; i += LANES) {
		counts x, y;
		counted(re + i, &x);
		counted(im + i, &y);
		pairs p = __builtin_convertvector((x | y << 8) ^ 0x8080, pairs); // 0…255 to -128…127
		size_t m = samples - i < LANES ? samples - i : LANES;
		memcpy(out + 2 * i, &p, m == LANES ? sizeof p : 2 * m);
	}
}

// air_sample makes the samples from the n-th on as a radio tuned to center_hz hears
// them. The same n sounds the same, however the calls cut the stream.
void air_sample(const struct radio *r, double center_hz, uint64_t n, signed char *out, size_t samples) {
	static bool ready;
	if (!ready) {
		make_noise();
		ready = true;
	}
	struct {
		double amp;
		uint64_t step;
	} heard[TONES];
	int count = 0;
	for (int i = 0; i < tone_count; i++) {
		double offset = tones[i].hz - center_hz;
		double db = tones[i].dbfs + gain(r) + filtered(r, offset);
		if (db < FAINTEST) continue;
		double turns = offset / r->rate; // a sample; what is beyond half a turn folds
		turns -= floor(turns + 0.5);
		heard[count].amp = amplitude(db);
		heard[count++].step = (uint64_t)(int64_t)ldexp(turns, 64);
	}
	float noise = (float)amplitude(noise_dbfs + gain(r));
	float leak = (float)amplitude(leak_dbfs);
	while (samples > 0) {
		float re[CHUNK + LANES], im[CHUNK + LANES];
		size_t from = n % CHUNK;
		size_t m = CHUNK - from;
		if (m > samples) m = samples;
		size_t at = mix(n / CHUNK) % NOISE + from;
		if (at >= NOISE) at -= NOISE;
		hiss(re, noise_re + at, m, noise, leak);
		hiss(im, noise_im + at, m, noise, 0);
		for (int k = 0; k < count; k++)
			add_tone(re, im, m, heard[k].amp, n * heard[k].step, heard[k].step);
		quantise(re, im, m, out);
		out += 2 * m;
		n += m;
		samples -= m;
	}
}
