package watch

import (
	"sync"
	"time"

	"geelark_exporter/geelark"
)

// skew is the clock of the API less this machine's, as the last answer told it. It
// is safe for concurrent use.
type skew struct {
	mu   sync.Mutex
	last geelark.Optional[time.Duration]
}

func (s *skew) learn(d geelark.Optional[time.Duration]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.Known() {
		s.last = d
	}
}

func (s *skew) known() geelark.Optional[time.Duration] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Skew returns the clock of the API less this machine's, to a second, as the last
// answer told it.
func (a *Account) Skew() geelark.Optional[time.Duration] { return a.skew.known() }
