package stream

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"argos/spectrum"
)

// scraped is what a scraper gets that accepts a format.
func scraped(t *testing.T, accept string) (body, format string) {
	t.Helper()
	h := spectrum.NewHistory(0)
	s := NewServer(newFakeSource(), h, &ServerOptions{Version: "test"})
	h.Append(testFrame(0))
	s.Event(Event{Kind: "device", Text: "one"})
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.RemoteAddr, r.Host = "127.0.0.1:1", "127.0.0.1:8470"
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d", accept, w.Code)
	}
	return w.Body.String(), w.Header().Get("Content-Type")
}

func TestMetricsAreProperText(t *testing.T) {
	body, format := scraped(t, "text/plain;version=0.0.4")
	if !strings.HasPrefix(format, "text/plain; version=0.0.4") {
		t.Errorf("the format is %s", format)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if f := families["argos_capture_frames_total"]; f == nil || f.GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("frames: %v", f)
	}
	problems, err := promlint.New(strings.NewReader(body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Read by the reference parser, which is Python's: Go's is a part of Prometheus itself.
func TestMetricsAreProperOpenMetrics(t *testing.T) {
	body, format := scraped(t, "application/openmetrics-text;version=1.0.0")
	if !strings.HasPrefix(format, "application/openmetrics-text; version=1.0.0") {
		t.Fatalf("the format is %s", format)
	}
	parse := exec.Command("/usr/bin/python3", "-c", `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.type, family.name, len(family.samples))
`)
	parse.Stdin = strings.NewReader(body)
	out, err := parse.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"counter argos_capture_frames 1\n", "histogram argos_frame_latency_seconds ", "gauge argos_viewers "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
