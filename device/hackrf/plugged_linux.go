package hackrf

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// plugged lists the radios that the kernel sees, whether libhackrf can use them or not.
func plugged() []port {
	var ports []port
	dirs, _ := filepath.Glob("/sys/bus/usb/devices/*")
	for _, dir := range dirs {
		read := func(name string) string {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(text))
		}
		if read("idVendor") != usbVendor {
			continue
		}
		product, err := strconv.ParseUint(read("idProduct"), 16, 16)
		if _, known := usbNames[uint32(product)]; err != nil || !known {
			continue
		}
		speed, _ := strconv.Atoi(read("speed"))
		ports = append(ports, port{listed{uint32(product), read("serial")}, speed})
	}
	return ports
}

// ruleAt is the udev rule file that names the radio, empty if there is none.
func ruleAt() string {
	for _, dir := range []string{"/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d"} {
		files, _ := filepath.Glob(filepath.Join(dir, "*.rules"))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err == nil && strings.Contains(string(text), usbVendor) && strings.Contains(string(text), "6089") {
				return file
			}
		}
	}
	return ""
}
