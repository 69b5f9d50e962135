package stream

import (
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapesAtOnce bounds what scrapers can make a server do.
const scrapesAtOnce = 4

// probed answers requests of those who look after a server: scrapers and service
// managers. It reports whether r was one.
func (s *Server) probed(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case "/metrics":
		if _, ok := s.identify(w, r); !ok {
			return true
		}
		promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{
			ErrorLog:            slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
			MaxRequestsInFlight: scrapesAtOnce,
			EnableOpenMetrics:   true,
		}).ServeHTTP(w, r)
	case "/healthz":
		plainText(w, http.StatusOK, "ok")
	case "/readyz":
		if s.ready() {
			plainText(w, http.StatusOK, "ok")
		} else {
			plainText(w, http.StatusServiceUnavailable, "not ready")
		}
	default:
		return false
	}
	return true
}

// ready reports whether frames come: a viewer that connects now would not be STALE.
func (s *Server) ready() bool {
	newest := s.history.Newest()
	return !newest.IsZero() && time.Since(newest) <= quietFor(s.source.Settings().FramePeriod(), 0)
}

// plainText says one line and nothing of who says it.
func plainText(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text+"\n") // who asks may have gone
}
