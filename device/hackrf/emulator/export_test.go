package emulator

// Flags are what the library is compiled with.
var Flags = flags
