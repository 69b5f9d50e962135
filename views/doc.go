// Package views is the screen: panes that show what a stream.Client receives, on any
// terminal that can place a cursor.
//
// An App is a stream.Sink. Frame and Event copy what they get under a short lock and
// return; they never wait for a draw, so a terminal that nobody reads stalls nothing
// but itself. One goroutine schedules draws, one (tview's) draws and handles keys, one
// carries commands to the server. After the bytes of a draw have been taken by the
// terminal, and not before, Source.Rendered is told the newest frame that is on it.
//
// All state below the lock is the drawing goroutine's own. Text from outside (names,
// events, errors) passes through clean before it is drawn. Frequencies are Hz, powers
// dB in the unit that the Grid names, widths and heights are cells.
//
// Only this package imports tview and tcell.
package views
