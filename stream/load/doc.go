// Package load puts load on a server and measures how it bears it.
//
// A Crowd is many viewers in one process. Each is a whole stream.Client, so that on the
// link nothing tells it from a screen: it greets, pings, resumes, comes back when it is
// told, and acknowledges a frame as soon as it has it. It leaves powers packed, since what
// a screen does with them is no load on the server. Some of a crowd may be slow.
//
// Run gathers a crowd, measures for a while, and makes a Report of it. A latency is from
// the last sample of a frame to its arrival here, by clocks that nobody sets; another
// machine's is known to within half of the quickest round trip. It is for argos-tui load,
// for command crowd, and for tests.
package load
