package main

import (
	"net/http"
	"slices"
	"sync"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector/config"
)

// mostNames are the most names that are warned of: who asks may ask for anything.
const mostNames = 20

// strangers warn, once each, of name[] parameters that name no metric family. What
// is asked for in vain is absent from an answer, and nothing else tells.
type strangers struct {
	families []string
	logger   log.Logger

	mu   sync.Mutex
	told map[string]bool
}

// in returns a handler that looks at the names before another answers.
func (s *strangers) in(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range r.URL.Query()["name[]"] {
			s.see(name)
		}
		h.ServeHTTP(w, r)
	})
}

func (s *strangers) see(name string) {
	if slices.Contains(s.families, name) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[name] || len(s.told) == mostNames {
		return
	}
	s.told[name] = true
	warning := []any{"msg", "A scrape asks by name[] for a metric family that there is none of", "name", name[:min(len(name), 64)]}
	if meant := config.Nearest(name, s.families); meant != "" {
		warning = append(warning, "did_you_mean", meant)
	}
	level.Warn(s.logger).Log(warning...)
}
