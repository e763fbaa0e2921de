package watch

import (
	"strconv"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/geelark"
)

// contentionLasts is how long the limits of an API are lower after others were seen
// to spend from them.
const contentionLasts = time.Hour

// contentionLog logs that others spend from an account's limits: once for each API,
// until that is long over. It is safe for concurrent use.
type contentionLog struct {
	logger log.Logger
	now    func() time.Time

	mu   sync.Mutex
	last map[geelark.Endpoint]time.Time
}

func newContentionLog(logger log.Logger, now func() time.Time) *contentionLog {
	return &contentionLog{logger: logger, now: now, last: make(map[geelark.Endpoint]time.Time)}
}

var limitBroken = strconv.Itoa(int(geelark.CodeRateLimited))

// see takes in what came of a request. The client never breaks a limit by itself.
func (l *contentionLog) see(r geelark.Request) {
	if r.Outcome != limitBroken {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	last, known := l.last[r.Endpoint]
	l.last[r.Endpoint] = now
	if known && now.Sub(last) < contentionLasts {
		return
	}
	level.Warn(l.logger).Log("msg", "Others spend from the account's limit: the API says it is broken, and this exporter has kept to it. It keeps to half of its own for now, to a tenth at the least, and to a tenth more every six minutes. Slow the others down, or give each exporter its --geelark.limit-share", "api", r.Endpoint)
}
