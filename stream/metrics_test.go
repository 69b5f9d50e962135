package stream

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	dto "github.com/prometheus/client_model/go"

	"argos/spectrum"
	"argos/stream/wire"
)

// gather is a server's metrics by name and labels: the value of a counter or gauge, the
// number of observations of a histogram.
func gather(t *testing.T, s *Server) map[string]float64 {
	t.Helper()
	families, err := s.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := f.GetName()
			for _, l := range m.GetLabel() {
				key += fmt.Sprintf(" %s=%s", l.GetName(), l.GetValue())
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				values[key] = m.GetCounter().GetValue()
			case dto.MetricType_HISTOGRAM:
				values[key] = float64(m.GetHistogram().GetSampleCount())
				if m.GetHistogram().Schema == nil {
					t.Errorf("%s is no native histogram", key)
				}
			default:
				values[key] = m.GetGauge().GetValue()
			}
		}
	}
	return values
}

func wantMetrics(t *testing.T, s *Server, want map[string]float64) {
	t.Helper()
	synctest.Wait()
	got := gather(t, s)
	for key, v := range want {
		if g, ok := got[key]; !ok || g != v {
			t.Errorf("%s is %g (%t), want %g", key, g, ok, v)
		}
	}
}

// A session with every kind of trouble, and what the metrics say of it.
func TestMetricsOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(20)
		wantMetrics(t, r.server, map[string]float64{
			"argos_build_info version=test":                       1,
			"argos_capture_frames_total":                          20,
			"argos_capture_state state=capturing":                 1,
			"argos_capture_state state=failed":                    0,
			"argos_viewers role=operator state=live":              1,
			"argos_viewers role=operator state=stalled":           0,
			"argos_viewer_max_lag_frames":                         0,
			"argos_viewer_joins_total outcome=fresh":              1,
			"argos_message_frames":                                20,
			"argos_merged_frames_total":                           0,
			"argos_frame_latency_seconds stage=capture":           20,
			"argos_frame_latency_seconds stage=serve":             20,
			"argos_frame_latency_seconds stage=acknowledge":       20,
			"argos_parts_encoded_total":                           20,
			"argos_parts_shared_total":                            0,
			"argos_history_frames":                                20,
			"argos_memory_budget_bytes pool=history":              spectrum.DefaultHistoryBytes,
			"argos_fan_out_seconds cell=1":                        20,
			"argos_memory_budget_bytes pool=parts":                shareBytes,
			"argos_gap_frames_total reason=evicted":               0,
			"argos_gap_frames_total reason=generations":           0,
			"argos_gap_events_total reason=evicted":               0,
			"argos_sent_bytes_total encoding=json":                0,
			"argos_viewer_disconnects_total cause=left code=1000": 0,
		})

		// A screen that stalls, and goes on.
		rec.setHold(true)
		r.feed(windowMost + 50)
		wantMetrics(t, r.server, map[string]float64{
			"argos_viewers role=operator state=stalled": 1,
			"argos_viewer_max_lag_frames":               50,
			"argos_message_frames":                      20 + windowMost,
		})
		rec.setHold(false)
		wantMetrics(t, r.server, map[string]float64{
			"argos_viewers role=operator state=degraded":    1,
			"argos_viewer_max_lag_frames":                   0,
			"argos_message_frames":                          20 + windowMost + 1,
			"argos_merged_frames_total":                     49,
			"argos_frame_latency_seconds stage=acknowledge": 20 + windowMost + 1,
		})
		r.feed(60)
		synctest.Wait()
		before := gather(t, r.server)
		if before["argos_round_trip_seconds"] == 0 || before["argos_sent_bytes_total encoding=pb"] == 0 ||
			before["argos_viewers role=operator state=live"] != 1 {
			t.Errorf("before the cut: %v", before)
		}

		// A link that is cut while six generations and more events than are held go by.
		r.network.refuseAll(true)
		r.network.cut()
		synctest.Wait()
		const generations, each = 6, 10
		for g := range generations {
			for range each {
				f := testFrame(len(r.produced))
				f.Grid.Generation = uint64(2 + g)
				r.append(f)
			}
		}
		for range logEntries + 1 {
			r.server.Event(Event{Kind: "device", Text: "one of many"})
		}
		r.network.refuseAll(false)
		for c.Link().State == Reconnecting {
			time.Sleep(100 * time.Millisecond)
		}
		r.feed(1)
		wantMetrics(t, r.server, map[string]float64{
			"argos_viewer_joins_total outcome=resumed":            1,
			"argos_viewer_disconnects_total cause=left code=none": 1,
			"argos_gap_frames_total reason=generations":           (generations - generationsAtOnce) * each,
			"argos_gap_frames_total reason=evicted":               0,
			"argos_gap_events_total reason=evicted":               logEntries / 2,
			"argos_viewer_max_lag_frames":                         0,
		})
		after := gather(t, r.server)
		filled := after["argos_message_frames"] - before["argos_message_frames"]
		if filled < generationsAtOnce || after["argos_frame_latency_seconds stage=serve"]-before["argos_frame_latency_seconds stage=serve"] >= filled {
			t.Errorf("the rows of a hole count as late: %v of %v", after["argos_frame_latency_seconds stage=serve"], filled)
		}
		// A network that takes everything and answers nothing.
		r.network.swallow()
		time.Sleep(pingEvery + deadAfter)
		wantMetrics(t, r.server, map[string]float64{"argos_viewer_disconnects_total cause=silent code=none": 1})
		leave()
		wantMetrics(t, r.server, map[string]float64{
			"argos_viewers role=operator state=live": 0, "argos_viewers role=operator state=degraded": 0,
			"argos_viewers role=operator state=catching_up": 0, "argos_viewers role=operator state=stalled": 0,
		})

		// One that breaks the protocol, and one that says goodbye.
		rude := r.dialRaw(t, protocolPB)
		rude.Write(t.Context(), websocket.MessageText, []byte("hello"))
		readToEnd(rude)
		polite := r.dialRaw(t, protocolPB)
		hello, err := encodingPB.marshal(nil, helloMessage)
		if err != nil {
			t.Fatal(err)
		}
		polite.Write(t.Context(), websocket.MessageBinary, hello)
		if _, _, err := polite.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		polite.Close(websocket.StatusNormalClosure, "")
		wantMetrics(t, r.server, map[string]float64{
			"argos_viewer_disconnects_total cause=protocol code=none": 1,
			"argos_viewer_disconnects_total cause=left code=1000":     1,
		})

		// A server that stops.
		_, _, leave = r.watch(t)
		synctest.Wait()
		r.close(t)
		stopped := gather(t, r.server)
		if stopped["argos_viewer_disconnects_total cause=stopping code=none"]+stopped["argos_viewer_disconnects_total cause=stopping code=1001"] != 1 {
			t.Errorf("after the stop: %v", stopped)
		}
		leave()
	})
}

func TestLostSamplesByReason(t *testing.T) {
	source := newFakeSource()
	source.status.Lost, source.status.Late = 100, 30
	got := gather(t, NewServer(source, spectrum.NewHistory(0), nil))
	if radio, late := got["argos_capture_lost_samples_total reason=radio"], got["argos_capture_lost_samples_total reason=late"]; radio != 70 || late != 30 {
		t.Errorf("%g lost by the radio, %g late", radio, late)
	}
}

func TestGapsByReason(t *testing.T) {
	for _, tc := range []struct {
		first, last, tail    uint64
		evicted, generations float64
	}{
		{first: 10, last: 29, tail: 1, generations: 20},
		{first: 10, last: 29, tail: 30, evicted: 20},
		{first: 10, last: 29, tail: 40, evicted: 20},
		{first: 10, last: 29, tail: 15, evicted: 5, generations: 15},
	} {
		s := NewServer(newFakeSource(), spectrum.NewHistory(0), nil)
		next := tc.first
		for _, g := range gaps(tc.first, tc.last, tc.tail) {
			if g.GetFirst() != next {
				t.Errorf("%d to %d, tail %d: a gap begins at %d", tc.first, tc.last, tc.tail, g.GetFirst())
			}
			next = g.GetLast() + 1
			s.metrics.skipped(g)
		}
		got := gather(t, s)
		e, g := got["argos_gap_frames_total reason=evicted"], got["argos_gap_frames_total reason=generations"]
		if next != tc.last+1 || e != tc.evicted || g != tc.generations {
			t.Errorf("%d to %d, tail %d: %g evicted, %g of old generations", tc.first, tc.last, tc.tail, e, g)
		}
	}
}

// What is counted for each frame that is delivered takes no memory.
func TestMetricsTakeNoMemory(t *testing.T) {
	m := newMetrics()
	f := &shared{first: 3, last: 9, sampled: time.Now(), measured: time.Now(), made: time.Now()}
	f.part.slice.Cell = 4
	gap := &wire.Gap{First: 1, Last: 2, Reason: gapEvicted}
	count := func() {
		m.delivered(f)
		m.timed(f)
		m.skipped(gap)
		m.acknowledged.Observe(0.012)
		m.sentBytes[encodingPB].Add(4096)
	}
	count() // the first into a bucket makes it
	// Times differ from run to run, and buckets are made as they are met.
	if n := testing.AllocsPerRun(10_000, count); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// docs/OPERATIONS.md lists each metric with its type and labels, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(argos_[a-z_]+)`(?: `([a-z, ]+)`)? \\| ([a-z]+) \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, row[1]+" {"+row[2]+"} "+row[3])
	}
	families, err := NewServer(newFakeSource(), spectrum.NewHistory(0), nil).metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var registered []string
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "argos_") {
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		registered = append(registered, f.GetName()+" {"+strings.Join(labels, ", ")+"} "+strings.ToLower(f.GetType().String()))
	}
	for _, m := range registered {
		if !slices.Contains(documented, m) {
			t.Errorf("not in docs/OPERATIONS.md: %s", m)
		}
	}
	for _, m := range documented {
		if !slices.Contains(registered, m) {
			t.Errorf("in docs/OPERATIONS.md alone: %s", m)
		}
	}
}

func TestProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		remote := "127.0.0.1:5000"
		get := func(path string) (int, string) {
			w := httptest.NewRecorder()
			q := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8470"+path, nil)
			q.RemoteAddr = remote
			r.server.ServeHTTP(w, q)
			body, _ := io.ReadAll(w.Result().Body)
			return w.Code, string(body)
		}
		want := func(path string, code int, text string) {
			t.Helper()
			if c, body := get(path); c != code || body != text {
				t.Errorf("%s answers %d %q, want %d %q", path, c, body, code, text)
			}
		}
		want("/healthz", http.StatusOK, "ok\n")
		want("/readyz", http.StatusServiceUnavailable, "not ready\n")
		r.feed(1)
		want("/readyz", http.StatusOK, "ok\n")
		time.Sleep(900 * time.Millisecond)
		want("/readyz", http.StatusOK, "ok\n")
		time.Sleep(time.Second)
		want("/readyz", http.StatusServiceUnavailable, "not ready\n")
		want("/healthz", http.StatusOK, "ok\n")
		if code, body := get("/metrics"); code != http.StatusOK || !strings.Contains(body, "\nargos_capture_frames_total 1\n") ||
			!strings.Contains(body, "\nprocess_resident_memory_bytes ") || !strings.Contains(body, "\ngo_goroutines ") {
			t.Errorf("/metrics answers %d %.400q", code, body)
		}
		remote = "192.0.2.1:5000"
		want("/healthz", http.StatusOK, "ok\n")
		want("/metrics", http.StatusUnauthorized, "a token is needed\n")
		if code, _ := get("/elsewhere"); code != http.StatusNotFound {
			t.Errorf("/elsewhere answers %d", code)
		}
		r.close(t)
	})
}
