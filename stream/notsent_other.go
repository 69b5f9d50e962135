//go:build !linux

package stream

import "net"

// sendBuffer bounds what the kernel keeps for a viewer that lags, where what is on its
// way counts, too: a rate over a long way suffers.
const sendBuffer = 32 << 10

func keepLittle(conn *net.TCPConn) error { return conn.SetWriteBuffer(sendBuffer) }
