package stream

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsentMost bounds what the kernel keeps for a viewer that lags and has not sent: what
// is on its way does not count, so a long way is filled as well as a short one.
const unsentMost = 16 << 10

// keepLittle makes conn take no more than it can soon send.
func keepLittle(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentMost)
	})
	if err != nil {
		return err
	}
	return failed
}
