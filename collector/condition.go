package collector

import "geelark_exporter/geelark"

// knowledge is what is known of a phone's status.
type knowledge uint8

const (
	pending  knowledge = iota // nothing yet
	current                   // a status that can be trusted now
	outdated                  // one that was told too long ago
	failed                    // the last lookup failed
)

// A condition is what is exposed of a phone's status. There are few different
// ones.
type condition struct {
	knowledge knowledge
	status    geelark.Status // the last that was told
	failure   string         // the code of the lookup that failed
}

// state is the condition in a word.
func (c condition) state() string {
	switch c.knowledge {
	case failed:
		return StateFailed
	case pending:
		return StatePending
	case outdated:
		return StateOutdated
	}
	return c.status.String()
}
