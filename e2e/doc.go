// Package e2e tests the program as people meet it: a binary, a terminal, files and
// sockets. It imports nothing of ours.
package e2e
