// What FFTW makes of the same task as the transform: pairs of int8, a Hann window, single
// precision, averaged power and the largest. Each line of stdin has a number of points
// and of windows; the answer is the CPU time in nanoseconds a sample. FFTW's functions
// are declared here, since its library is often installed without its header.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef float complex_t[2];
void *fftwf_plan_dft_1d(int n, complex_t *in, complex_t *out, int sign, unsigned flags);
void fftwf_execute(void *plan);
void *fftwf_malloc(size_t bytes);
enum { FORWARD = -1, MEASURE = 0 };

enum { SIZES = 32 };
static struct task {
	void *plan;
	complex_t *in, *out;
	float *window, *sum, *max;
	signed char *samples;
} tasks[SIZES];

static const int count = 8; // windows of samples

static struct task *task_of(int n) {
	int bits = 0;
	while (1 << bits < n) bits++;
	struct task *t = &tasks[bits];
	if (t->plan) return t;
	t->in = fftwf_malloc(n * sizeof *t->in);
	t->out = fftwf_malloc(n * sizeof *t->out);
	t->plan = fftwf_plan_dft_1d(n, t->in, t->out, FORWARD, MEASURE);
	t->window = fftwf_malloc(n * sizeof *t->window);
	t->sum = fftwf_malloc(n * sizeof *t->sum);
	t->max = fftwf_malloc(n * sizeof *t->max);
	t->samples = malloc(2 * n * count);
	for (int i = 0; i < n; i++) {
		t->window[i] = (1 - cosf(2 * (float)M_PI * i / n)) / n / 128;
		t->sum[i] = t->max[i] = 0;
	}
	for (int i = 0; i < 2 * n * count; i++) t->samples[i] = rand() % 64 - 32;
	return t;
}

static void window_of(struct task *t, int n, const signed char *x) {
	for (int i = 0; i < n; i++) {
		t->in[i][0] = x[2 * i] * t->window[i];
		t->in[i][1] = x[2 * i + 1] * t->window[i];
	}
	fftwf_execute(t->plan);
	for (int i = 0; i < n; i++) {
		float p = t->out[i][0] * t->out[i][0] + t->out[i][1] * t->out[i][1];
		t->sum[i] += p;
		t->max[i] = p > t->max[i] ? p : t->max[i];
	}
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(void) {
	int n, windows;
	while (scanf("%d %d", &n, &windows) == 2) {
		struct task *t = task_of(n);
		window_of(t, n, t->samples);
		double begun = now();
		for (int i = 0; i < windows; i++) window_of(t, n, t->samples + 2 * n * (i % count));
		printf("%.4f\n", (now() - begun) / windows / n);
		fflush(stdout);
	}
	return 0;
}
