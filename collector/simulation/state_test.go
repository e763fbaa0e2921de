package simulation

import (
	"github.com/go-kit/log"

	"geelark_exporter/collector/watch"
)

func (w *world) keepState(*watch.Options, log.Logger) (stopped func()) { return func() {} }

func (w *world) leaveState() {}
