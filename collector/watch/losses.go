package watch

import (
	"github.com/go-kit/log"
	"github.com/go-kit/log/level"

	"geelark_exporter/collector/phones"
)

// losses tells of phones that are not tracked any more: each is counted, and many
// at once are logged. It is for one goroutine at a time.
type losses struct {
	account  string
	observer Observer
	logger   log.Logger

	doubted bool // the last whole listing lacked phones that were kept
}

func (l *losses) take(loss phones.Loss) {
	for reason, n := range map[DropReason]int{
		DroppedNotFound: loss.NotFound, DroppedUnlisted: loss.Unlisted, DroppedUnselected: loss.Unselected,
	} {
		if n > 0 {
			l.observer.PhonesDropped(l.account, reason, n)
		}
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
