// Opens, streams and closes a radio 1,000 times through libhackrf, and prints by how
// many pages this process has grown since the 100th.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

typedef struct hackrf_device hackrf_device;
int hackrf_init(void);
int hackrf_exit(void);
int hackrf_open(hackrf_device **);
int hackrf_close(hackrf_device *);
int hackrf_start_rx(hackrf_device *, int (*)(void *), void *);
int hackrf_stop_rx(hackrf_device *);

static volatile int blocks;

static int receive(void *transfer) {
	(void)transfer;
	blocks++;
	return 0;
}

static long resident(void) {
	long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2) pages = -1;
	if (f) fclose(f);
	return pages;
}

int main(void) {
	long before = 0;
	for (int i = 0; i < 1000; i++) {
		if (i == 100) before = resident();
		hackrf_device *d = NULL;
		int seen = blocks;
		if (hackrf_init() || hackrf_open(&d) || hackrf_start_rx(d, receive, NULL)) return 1;
		while (blocks == seen) usleep(100);
		if (hackrf_stop_rx(d) || hackrf_close(d) || hackrf_exit()) return 1;
	}
	printf("%ld\n", resident() - before);
	return 0;
}
