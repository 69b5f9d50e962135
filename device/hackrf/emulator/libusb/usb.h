// What libusb 1.0 promises to programs that were linked with it: the layout of its
// structures and the value of its constants. Written down here so that no development
// package is needed; only what libhackrf touches.
#ifndef USB_H
#define USB_H

#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

enum {
	USB_OK = 0,
	USB_ERROR_IO = -1,
	USB_ERROR_INVALID_PARAM = -2,
	USB_ERROR_ACCESS = -3,
	USB_ERROR_NO_DEVICE = -4,
	USB_ERROR_NOT_FOUND = -5,
	USB_ERROR_BUSY = -6,
	USB_ERROR_TIMEOUT = -7,
	USB_ERROR_PIPE = -9,
	USB_ERROR_NO_MEM = -11,
	USB_ERROR_NOT_SUPPORTED = -12,
};

enum {
	TRANSFER_COMPLETED,
	TRANSFER_ERROR,
	TRANSFER_TIMED_OUT,
	TRANSFER_CANCELLED,
	TRANSFER_STALL,
	TRANSFER_NO_DEVICE,
	TRANSFER_OVERFLOW,
};

typedef struct libusb_context libusb_context;
typedef struct libusb_device libusb_device;
typedef struct libusb_device_handle libusb_device_handle;

struct libusb_device_descriptor {
	uint8_t bLength;
	uint8_t bDescriptorType;
	uint16_t bcdUSB;
	uint8_t bDeviceClass;
	uint8_t bDeviceSubClass;
	uint8_t bDeviceProtocol;
	uint8_t bMaxPacketSize0;
	uint16_t idVendor;
	uint16_t idProduct;
	uint16_t bcdDevice;
	uint8_t iManufacturer;
	uint8_t iProduct;
	uint8_t iSerialNumber;
	uint8_t bNumConfigurations;
};

struct libusb_config_descriptor {
	uint8_t bLength;
	uint8_t bDescriptorType;
	uint16_t wTotalLength;
	uint8_t bNumInterfaces;
	uint8_t bConfigurationValue;
	uint8_t iConfiguration;
	uint8_t bmAttributes;
	uint8_t MaxPower;
	const void *interface;
	const unsigned char *extra;
	int extra_length;
};

struct libusb_transfer {
	libusb_device_handle *dev_handle;
	uint8_t flags;
	unsigned char endpoint;
	unsigned char type;
	unsigned int timeout;
	int status;
	int length;
	int actual_length;
	void (*callback)(struct libusb_transfer *);
	void *user_data;
	unsigned char *buffer;
	int num_iso_packets;
};

#endif
