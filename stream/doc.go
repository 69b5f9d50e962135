// Package stream is the link: it carries frames, events and commands between a
// capture server and its viewers over a WebSocket at /v1/link.
//
// The schema is wire/argos.proto, spoken as Protocol Buffers (argos.v1.pb) or as JSON
// (argos.v1.json). docs/PROTOCOL.md explains the flows. A Server answers viewers from
// one spectrum.History: a viewer is a cursor and a window of acknowledgements, never
// a queue. A Client keeps a link alive, measures it, and hands what arrives to a Sink.
// Only this package imports websocket.
package stream
