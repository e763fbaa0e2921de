package watch

import (
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector/phones"
)

// losses tells of phones that are not tracked any more: each is counted, and many
// at once are logged. It is for one goroutine at a time.
type losses struct {
	counts *counts
	save   func() // the phones: those that left must not leave once more after a crash
	logger log.Logger

	doubted bool // the last whole listing lacked phones that were kept
}

func (a *Account) newLosses(logger log.Logger) losses {
	return losses{counts: a.counts, save: func() { a.logs.save() }, logger: logger}
}

func (l *losses) take(loss phones.Loss) {
	if loss.Phones() > 0 {
		l.save()
		l.counts.drop(loss)
	}
	if n := loss.Phones(); n >= 10 && n > loss.Tracked/10 {
		level.Warn(l.logger).Log("msg", "Many phones are not tracked any more", "phones", n, "of", loss.Tracked,
			DroppedNotFound, loss.NotFound, DroppedUnlisted, loss.Unlisted, DroppedUnselected, loss.Unselected)
	}
	if loss.Doubted > 0 && !l.doubted {
		level.Warn(l.logger).Log("msg", "The account's list lacks most of the phones that it had: they stay tracked until their own lookups agree, or listings for an hour",
			"phones", loss.Doubted, "of", loss.Tracked)
	}
	l.doubted = loss.Doubted > 0
}
