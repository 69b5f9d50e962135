// libusb-1.0 as its users see it: contexts, devices, handles, transfers and events.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "emulator.h"

#define API __attribute__((visibility("default")))

enum {
	VENDOR = 0x1d50,
	ENDPOINT_IN = 0x81,
	STRING_MANUFACTURER = 1,
	STRING_PRODUCT = 2,
	STRING_SERIAL = 4,
	STRING_TIMEOUT = 1000, // ms; what libusb allows for a string
};

struct libusb_context {
	struct queue finished;
	bool handling; // a thread is calling back
	bool interrupted;
};

struct libusb_device {
	int references;
	libusb_context *context;
	struct radio *radio;
	unsigned plug;
};

struct libusb_device_handle {
	int references; // the user's, and those of calls under way
	libusb_device *device;
	bool closed;
};

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed;
struct radio radios[RADIOS];
int radio_count;

static libusb_context *default_context;
static int default_references;

int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

// Queues.

void push(struct queue *q, struct transfer *t) {
	t->next = NULL;
	if (q->first) q->last->next = t;
	else q->first = t;
	q->last = t;
}

struct transfer *pop(struct queue *q) {
	struct transfer *t = q->first;
	if (t) q->first = t->next;
	return t;
}

static bool take(struct queue *q, const struct transfer *t) {
	struct transfer *before = NULL;
	for (struct transfer *x = q->first; x; before = x, x = x->next) {
		if (x != t) continue;
		if (before) before->next = x->next;
		else q->first = x->next;
		if (q->last == x) q->last = before;
		return true;
	}
	return false;
}

void finish(struct transfer *t, int status) {
	t->usb.status = status;
	push(&t->usb.dev_handle->device->context->finished, t);
	pthread_cond_broadcast(&changed);
}

// Radios.

static void disown(struct radio *r) {
	if (r->owner) close(r->claim);
	r->owner = NULL;
}

void radio_unplug(struct radio *r) {
	if (!r->plugged) return;
	stream_end(r, now());
	r->plugged = false;
	disown(r);
	log_line(r, "unplugged");
	for (struct transfer *t; (t = pop(&r->queue));) finish(t, TRANSFER_NO_DEVICE);
	pthread_cond_broadcast(&changed);
}

void radio_replug(struct radio *r) {
	if (r->plugged) return;
	r->plugged = true;
	r->plug++;
	log_line(r, "plugged in");
	r->stalled = r->failing = r->shortened = false;
	r->control = CONTROL_FINE;
	radio_reset(r);
	pthread_cond_broadcast(&changed);
}

// radios_named plugs in one radio for each of the serials, comma-separated; what was
// plugged in before is gone. Serials are padded with zeros to their length.
void radios_named(const char *serials) {
	for (int i = 0; i < radio_count; i++) radio_unplug(&radios[i]);
	radio_count = 0;
	while (*serials && radio_count < RADIOS) {
		size_t n = strcspn(serials, ",");
		if (n <= SERIAL) {
			struct radio *r = &radios[radio_count++];
			memset(r->serial, '0', SERIAL);
			for (size_t i = 0; i < n; i++)
				r->serial[SERIAL - n + i] = isxdigit((unsigned char)serials[i]) ? (char)tolower((unsigned char)serials[i]) : '0';
			r->serial[SERIAL] = 0;
			r->refused = r->busy = false;
			radio_replug(r);
		}
		serials += n + (serials[n] == ',');
	}
}

// hold keeps every other program of this user from claiming the radio, until close. A
// name in the abstract namespace of sockets goes with the program that holds it.
static int hold(const struct radio *r) {
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return -1;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "%s-%u-%s", lock_name, (unsigned)getuid(), r->serial);
	if (bind(fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0) return fd;
	close(fd);
	return -1;
}

// Time passes: faults fall due, the control file is read, transfers fill.
static int64_t tick(void) {
	int64_t t = now();
	settings_poll(t);
	faults_due(t);
	for (int i = 0; i < radio_count; i++) stream_advance(&radios[i], t);
	return t;
}

// wait_until lets the others go on until something changes, or may have to.
static void wait_until(int64_t deadline) {
	int64_t t = earlier(deadline, earlier(faults_next(), settings_next(now())));
	for (int i = 0; i < radio_count; i++) t = earlier(t, stream_next(&radios[i]));
	if (t == INT64_MAX) {
		pthread_cond_wait(&changed, &lock);
		return;
	}
	struct timespec at = {.tv_sec = t / 1000000000, .tv_nsec = t % 1000000000};
	pthread_cond_timedwait(&changed, &lock, &at);
}

// Contexts.

API int libusb_init(libusb_context **context) {
	pthread_mutex_lock(&lock);
	tick();
	int rc = USB_OK;
	if (!context && default_context) {
		default_references++;
	} else {
		libusb_context *c = calloc(1, sizeof *c);
		if (!c) rc = USB_ERROR_NO_MEM;
		else if (context) *context = c;
		else default_context = c, default_references = 1;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

API void libusb_exit(libusb_context *context) {
	pthread_mutex_lock(&lock);
	if (!context) {
		if (default_references > 0 && --default_references == 0) {
			free(default_context);
			default_context = NULL;
		}
	} else {
		free(context);
	}
	pthread_mutex_unlock(&lock);
}

API const char *libusb_strerror(int code) {
	switch (code) {
	case USB_OK: return "Success";
	case USB_ERROR_IO: return "Input/Output Error";
	case USB_ERROR_INVALID_PARAM: return "Invalid parameter";
	case USB_ERROR_ACCESS: return "Access denied (insufficient permissions)";
	case USB_ERROR_NO_DEVICE: return "No such device (it may have been disconnected)";
	case USB_ERROR_NOT_FOUND: return "Entity not found";
	case USB_ERROR_BUSY: return "Resource busy";
	case USB_ERROR_TIMEOUT: return "Operation timed out";
	case USB_ERROR_PIPE: return "Pipe error";
	case USB_ERROR_NO_MEM: return "Insufficient memory";
	case USB_ERROR_NOT_SUPPORTED: return "Operation not supported or unimplemented on this platform";
	}
	return "Other error";
}

// Devices.

static bool gone(const libusb_device *d) { return !d->radio->plugged || d->radio->plug != d->plug; }

static libusb_device *device(libusb_context *c, struct radio *r) {
	libusb_device *d = malloc(sizeof *d);
	if (d) *d = (libusb_device){.references = 1, .context = c, .radio = r, .plug = r->plug};
	return d;
}

static void drop(libusb_device *d) {
	if (--d->references == 0) free(d);
}

API ssize_t libusb_get_device_list(libusb_context *context, libusb_device ***list) {
	pthread_mutex_lock(&lock);
	tick();
	if (!context) context = default_context;
	ssize_t n = 0;
	libusb_device **l = calloc(RADIOS + 1, sizeof *l);
	for (int i = 0; l && i < radio_count; i++) {
		if (!radios[i].plugged) continue;
		if ((l[n] = device(context, &radios[i]))) n++;
	}
	*list = l;
	pthread_mutex_unlock(&lock);
	return l ? n : USB_ERROR_NO_MEM;
}

API void libusb_free_device_list(libusb_device **list, int unreference) {
	pthread_mutex_lock(&lock);
	for (int i = 0; list && unreference && list[i]; i++) drop(list[i]);
	pthread_mutex_unlock(&lock);
	free(list);
}

API int libusb_get_device_descriptor(libusb_device *d, struct libusb_device_descriptor *out) {
	(void)d;
	*out = (struct libusb_device_descriptor){
		.bLength = 18,
		.bDescriptorType = 1,
		.bcdUSB = 0x0200,
		.bMaxPacketSize0 = 64,
		.idVendor = VENDOR,
		.idProduct = board->product,
		.bcdDevice = api_version,
		.iManufacturer = STRING_MANUFACTURER,
		.iProduct = STRING_PRODUCT,
		.iSerialNumber = STRING_SERIAL,
		.bNumConfigurations = 1,
	};
	return USB_OK;
}

API int libusb_get_active_config_descriptor(libusb_device *d, struct libusb_config_descriptor **out) {
	(void)d;
	struct libusb_config_descriptor *c = calloc(1, sizeof *c);
	if (!c) return USB_ERROR_NO_MEM;
	c->bLength = 9;
	c->bDescriptorType = 2;
	c->bNumInterfaces = 1;
	c->bConfigurationValue = 1;
	*out = c;
	return USB_OK;
}

API void libusb_free_config_descriptor(struct libusb_config_descriptor *c) { free(c); }

// Handles.

static int open_device(libusb_device *d, libusb_device_handle **out) {
	if (gone(d)) return USB_ERROR_NO_DEVICE;
	if (d->radio->refused) return USB_ERROR_ACCESS;
	libusb_device_handle *h = malloc(sizeof *h);
	if (!h) return USB_ERROR_NO_MEM;
	*h = (libusb_device_handle){.references = 1, .device = d};
	d->references++;
	log_line(d->radio, "open");
	*out = h;
	return USB_OK;
}

static void release(const libusb_device_handle *h) {
	if (h->device->radio->owner == h) disown(h->device->radio);
}

static void put(libusb_device_handle *h) {
	if (--h->references > 0) return;
	drop(h->device);
	free(h);
}

API int libusb_open(libusb_device *d, libusb_device_handle **out) {
	pthread_mutex_lock(&lock);
	tick();
	int rc = open_device(d, out);
	pthread_mutex_unlock(&lock);
	return rc;
}

API libusb_device_handle *libusb_open_device_with_vid_pid(libusb_context *context, uint16_t vendor, uint16_t product) {
	pthread_mutex_lock(&lock);
	tick();
	if (!context) context = default_context;
	libusb_device_handle *h = NULL;
	for (int i = 0; vendor == VENDOR && product == board->product && i < radio_count; i++) {
		if (!radios[i].plugged) continue;
		libusb_device *d = device(context, &radios[i]);
		if (!d) break;
		if (open_device(d, &h) != USB_OK) h = NULL;
		drop(d);
		break; // the first is tried, and no other
	}
	pthread_mutex_unlock(&lock);
	return h;
}

API void libusb_close(libusb_device_handle *h) {
	if (!h) return;
	pthread_mutex_lock(&lock);
	tick();
	release(h);
	h->closed = true;
	log_line(h->device->radio, "close");
	struct queue *queues[] = {&h->device->radio->queue, &h->device->context->finished};
	for (int i = 0; i < 2; i++) {
		struct queue kept = {0};
		for (struct transfer *t; (t = pop(queues[i]));) {
			if (t->usb.dev_handle == h) t->pending = false;
			else push(&kept, t);
		}
		*queues[i] = kept;
	}
	put(h);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

API libusb_device *libusb_get_device(libusb_device_handle *h) { return h->device; }

static int alive(libusb_device_handle *h) {
	pthread_mutex_lock(&lock);
	tick();
	int rc = gone(h->device) ? USB_ERROR_NO_DEVICE : USB_OK;
	pthread_mutex_unlock(&lock);
	return rc;
}

API int libusb_get_configuration(libusb_device_handle *h, int *configuration) {
	*configuration = 1;
	return alive(h);
}

API int libusb_set_configuration(libusb_device_handle *h, int configuration) {
	return configuration == 1 ? alive(h) : USB_ERROR_NOT_FOUND;
}

API int libusb_kernel_driver_active(libusb_device_handle *h, int interface) {
	(void)interface;
	return alive(h); // 0: no driver
}

API int libusb_detach_kernel_driver(libusb_device_handle *h, int interface) {
	(void)h, (void)interface;
	return USB_ERROR_NOT_FOUND;
}

API int libusb_claim_interface(libusb_device_handle *h, int interface) {
	if (interface != 0) return USB_ERROR_NOT_FOUND;
	pthread_mutex_lock(&lock);
	tick();
	struct radio *r = h->device->radio;
	int rc = USB_OK;
	if (gone(h->device)) rc = USB_ERROR_NO_DEVICE;
	else if (r->busy || (r->owner && r->owner != h)) rc = USB_ERROR_BUSY;
	else if (!r->owner && (r->claim = hold(r)) < 0) rc = USB_ERROR_BUSY;
	else r->owner = h;
	pthread_mutex_unlock(&lock);
	return rc;
}

API int libusb_release_interface(libusb_device_handle *h, int interface) {
	if (interface != 0) return USB_ERROR_NOT_FOUND;
	pthread_mutex_lock(&lock);
	tick();
	int rc = USB_OK;
	if (gone(h->device)) rc = USB_ERROR_NO_DEVICE;
	else if (h->device->radio->owner != h) rc = USB_ERROR_NOT_FOUND;
	release(h);
	pthread_mutex_unlock(&lock);
	return rc;
}

// reach waits until a control request may reach the radio, and says whether it does.
// The time-out is in ms; 0 is never, which is what libhackrf asks for.
static int reach(libusb_device_handle *h, unsigned timeout) {
	const struct radio *r = h->device->radio;
	int64_t deadline = timeout ? now() + timeout * INT64_C(1000000) : INT64_MAX;
	for (;;) {
		int64_t t = tick();
		if (gone(h->device) || h->closed) return USB_ERROR_NO_DEVICE;
		if (r->control == CONTROL_FAILS) return USB_ERROR_IO;
		if (r->control == CONTROL_TIMES_OUT) return USB_ERROR_TIMEOUT;
		if (r->control == CONTROL_FINE) return USB_OK;
		if (t >= deadline) return USB_ERROR_TIMEOUT;
		wait_until(deadline);
	}
}

API int libusb_control_transfer(libusb_device_handle *h, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
	unsigned char *data, uint16_t length, unsigned timeout) {
	pthread_mutex_lock(&lock);
	h->references++;
	int rc = reach(h, timeout);
	if (rc == USB_OK) rc = radio_control(h->device->radio, type, request, value, index, data, length);
	put(h);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return rc;
}

API int libusb_get_string_descriptor_ascii(libusb_device_handle *h, uint8_t index, unsigned char *data, int length) {
	pthread_mutex_lock(&lock);
	h->references++;
	int rc = reach(h, STRING_TIMEOUT);
	const char *text = "";
	if (index == STRING_MANUFACTURER) text = "Great Scott Gadgets";
	if (index == STRING_PRODUCT) text = board->name;
	if (index == STRING_SERIAL) text = h->device->radio->serial;
	if (rc == USB_OK && length > 0) rc = snprintf((char *)data, (size_t)length, "%s", text);
	if (rc >= length) rc = length - 1;
	put(h);
	pthread_mutex_unlock(&lock);
	return rc;
}

API int libusb_bulk_transfer(libusb_device_handle *h, unsigned char endpoint, unsigned char *data, int length, int *moved,
	unsigned timeout) {
	(void)h, (void)endpoint, (void)data, (void)length, (void)timeout;
	*moved = 0;
	return USB_ERROR_NOT_SUPPORTED; // what programs the radio's logic; nothing here does
}

// Transfers.

static struct transfer *ours(struct libusb_transfer *usb) {
	return (struct transfer *)((char *)usb - offsetof(struct transfer, usb));
}

API struct libusb_transfer *libusb_alloc_transfer(int packets) {
	if (packets != 0) return NULL; // isochronous
	struct transfer *t = calloc(1, sizeof *t);
	return t ? &t->usb : NULL;
}

API void libusb_free_transfer(struct libusb_transfer *usb) {
	if (usb) free(ours(usb));
}

API int libusb_submit_transfer(struct libusb_transfer *usb) {
	struct transfer *t = ours(usb);
	pthread_mutex_lock(&lock);
	int64_t at = tick();
	int rc = USB_OK;
	if (gone(usb->dev_handle->device)) rc = USB_ERROR_NO_DEVICE;
	else if (t->pending) rc = USB_ERROR_BUSY;
	else if (usb->endpoint != ENDPOINT_IN) rc = USB_ERROR_NOT_FOUND;
	if (rc == USB_OK) {
		t->pending = true;
		usb->actual_length = 0;
		stream_submit(usb->dev_handle->device->radio, t, at);
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

API int libusb_cancel_transfer(struct libusb_transfer *usb) {
	struct transfer *t = ours(usb);
	pthread_mutex_lock(&lock);
	tick();
	int rc = USB_ERROR_NOT_FOUND;
	if (t->pending && take(&usb->dev_handle->device->radio->queue, t)) {
		finish(t, TRANSFER_CANCELLED);
		rc = USB_OK;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

// Events.

// call_back tells the user of every transfer that has ended.
static bool call_back(libusb_context *c) {
	struct transfer *t = pop(&c->finished);
	if (!t) return false;
	c->handling = true;
	do {
		t->pending = false;
		pthread_mutex_unlock(&lock);
		t->usb.callback(&t->usb);
		pthread_mutex_lock(&lock);
	} while ((t = pop(&c->finished)));
	c->handling = false;
	pthread_cond_broadcast(&changed);
	return true;
}

// One thread at a time calls back, so that transfers end in the order they were filled.
API int libusb_handle_events_timeout_completed(libusb_context *c, struct timeval *timeout, int *completed) {
	pthread_mutex_lock(&lock);
	if (!c) c = default_context;
	int64_t deadline = now() + timeout->tv_sec * INT64_C(1000000000) + timeout->tv_usec * INT64_C(1000);
	for (;;) {
		int64_t t = tick();
		if (!c->handling && call_back(c)) break;
		if (c->interrupted || (completed && *completed) || t >= deadline) break;
		wait_until(deadline);
	}
	c->interrupted = false;
	pthread_mutex_unlock(&lock);
	return USB_OK;
}

API int libusb_handle_events_timeout(libusb_context *c, struct timeval *timeout) {
	return libusb_handle_events_timeout_completed(c, timeout, NULL);
}

API void libusb_interrupt_event_handler(libusb_context *c) {
	pthread_mutex_lock(&lock);
	if (!c) c = default_context;
	if (c) c->interrupted = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}
