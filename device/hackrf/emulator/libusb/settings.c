// The settings: read from the environment when the library is loaded, later from
// emulator_configure and from the control file.
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulator.h"

enum { LINE = 4096 };

bool unpaced;
char lock_name[64] = "hackrf-emulator", firmware[64] = "2022.09.1";
uint16_t api_version = 0x0107;

static const int64_t poll_every = 5000000; // ns

static int log_file = -1;
static int control_file = -1;
static int64_t polled;
static char partial[LINE]; // a line of the control file that has not ended
static size_t partial_length;

static bool set_serial(const char *v) {
	radios_named(v);
	return radio_count > 0;
}

static bool set_unpaced(const char *v) {
	int64_t t = now();
	for (int i = 0; i < radio_count; i++) stream_advance(&radios[i], t);
	unpaced = *v && strcmp(v, "0") != 0;
	for (int i = 0; i < radio_count; i++) {
		radios[i].origin = radios[i].position;
		radios[i].start = t;
	}
	return true;
}

static bool keep(char *to, size_t size, const char *v) {
	return snprintf(to, size, "%s", v) < (int)size;
}

static bool set_lock(const char *v) { return keep(lock_name, sizeof lock_name, v); }
static bool set_firmware(const char *v) { return keep(firmware, sizeof firmware, v); }

static const struct board boards[] = {
	{"hackrf-one", "HackRF One", 2, 0x6089},
	{"jawbreaker", "HackRF Jawbreaker", 1, 0x604b},
	{"rad1o", "rad1o", 3, 0xcc15},
};

enum { BOARDS = sizeof boards / sizeof *boards };

const struct board *board = boards;

static bool set_board(const char *v) {
	for (int i = 0; i < BOARDS; i++) {
		if (!strcmp(v, boards[i].key)) {
			board = &boards[i];
			return true;
		}
	}
	return false;
}

static bool set_api(const char *v) { // as hackrf_info prints it: 1.07
	unsigned major, minor;
	if (sscanf(v, "%u.%2x", &major, &minor) != 2) return false;
	api_version = (uint16_t)(major << 8 | minor);
	return true;
}

static bool set_log(const char *v) {
	if (log_file >= 0) close(log_file);
	log_file = *v ? open(v, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	return !*v || log_file >= 0;
}

// log_line says what became of a radio: the end of its serial, then what.
void log_line(const struct radio *r, const char *format, ...) {
	if (log_file < 0) return;
	char line[160];
	int n = snprintf(line, sizeof line, "%s ", r->serial + SERIAL - 8);
	va_list args;
	va_start(args, format);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
	va_end(args);
	if (n > (int)sizeof line - 2) n = sizeof line - 2;
	line[n++] = '\n';
	if (write(log_file, line, (size_t)n) < 0) set_log(""); // a full disk is no fault of the radio
}

static bool read_control(bool past);

static bool set_control(const char *v) {
	if (control_file >= 0) close(control_file);
	control_file = -1;
	partial_length = 0;
	if (!*v) return true;
	control_file = open(v, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	return control_file >= 0 && read_control(true);
}

static const struct {
	const char *key;
	bool (*set)(const char *);
} settings[] = {
	{"EMULATOR_LOG", set_log},
	{"EMULATOR_SERIAL", set_serial},
	{"EMULATOR_FIRMWARE", set_firmware},
	{"EMULATOR_API", set_api},
	{"EMULATOR_BOARD", set_board},
	{"EMULATOR_LOCK", set_lock},
	{"EMULATOR_UNPACED", set_unpaced},
	{"EMULATOR_TONES", air_tones},
	{"EMULATOR_NOISE", air_noise},
	{"EMULATOR_LEAK", air_leak},
	{"EMULATOR_FAULTS", faults_schedule},
	{"EMULATOR_CONTROL", set_control},
};

enum { SETTINGS = sizeof settings / sizeof *settings };

// What the radios sampled until now, they sampled in the air as it was.
static void advance(void) {
	int64_t t = now();
	for (int i = 0; i < radio_count; i++) stream_advance(&radios[i], t);
}

static bool obey(const char *line, bool past) {
	advance();
	const char *value = strchr(line, '=');
	if (!value) return faults_command(line, past);
	for (int i = 0; i < SETTINGS; i++) {
		size_t n = strlen(settings[i].key);
		if (n == (size_t)(value - line) && !strncmp(line, settings[i].key, n)) return settings[i].set(value + 1);
	}
	return false;
}

static void obey_or_say(const char *line, bool past) {
	if (*line && !obey(line, past)) fprintf(stderr, "emulator: cannot obey %s\n", line);
}

// read_control obeys what was written to the control file since it was last read.
static bool read_control(bool past) {
	char text[LINE];
	ssize_t n;
	while ((n = read(control_file, text, sizeof text)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] != '\n') {
				if (partial_length < LINE - 1) partial[partial_length++] = text[i];
				continue;
			}
			partial[partial_length] = 0;
			partial_length = 0;
			obey_or_say(partial, past);
		}
	}
	return n == 0;
}

void settings_poll(int64_t t) {
	if (control_file < 0 || t < polled + poll_every) return;
	polled = t;
	read_control(false);
}

int64_t settings_next(int64_t t) { return control_file < 0 ? INT64_MAX : t + poll_every; }

// emulator_configure obeys lines: a setting (KEY=VALUE) or a fault each. It returns 0,
// or -1 at the first line that it does not understand.
int emulator_configure(const char *lines) {
	int rc = 0;
	pthread_mutex_lock(&lock);
	while (*lines && rc == 0) {
		char line[LINE];
		size_t n = strcspn(lines, "\n");
		if (n >= sizeof line) {
			rc = -1;
			break;
		}
		memcpy(line, lines, n);
		line[n] = 0;
		lines += n + (lines[n] == '\n');
		if (n > 0 && !obey(line, false)) rc = -1;
	}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return rc;
}

__attribute__((constructor)) static void load(void) {
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_lock(&lock);
	radios_named("a74468dc2f6b35c1");
	for (int i = 0; i < SETTINGS; i++) {
		const char *value = getenv(settings[i].key);
		if (value && !settings[i].set(value)) fprintf(stderr, "emulator: cannot obey %s=%s\n", settings[i].key, value);
	}
	pthread_mutex_unlock(&lock);
}
