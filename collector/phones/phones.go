// Package phones keeps what is known of an account's phones, and in which order
// they are to be asked. What it holds is typed: what is shown of it, and in which
// words, is for others.
//
// A [Store] is a schedule, which says whose turn it is, over a table, which has a
// row for each phone. A scrape takes a [Snapshot] of it, which never changes.
package phones

import (
	"math"
	"time"
	"unique"

	"geelark_exporter/geelark"
)

// A row is a tracked phone. It is the store's, whose lock guards it.
type row struct {
	id         string
	place      int       // in the table
	round      Round     // of tracking that named it last
	selection  selection // that it was named by
	unlistedAt instant   // the first whole listing of those in a row that lack it; never: the last did not

	condition   unique.Handle[Condition]
	description *Description // nil: none
	observedAt  instant      // of status or failure
	describedAt instant
	polledAt    instant // when its last poll, or listing in place of one, ended

	links // in the queue for its next poll, none during one
}

// An instant is a time since the store's epoch: a third of the size of a
// [time.Time].
type instant time.Duration

const (
	never instant = math.MinInt64
	ever  instant = math.MaxInt64
)

// A Record is what is known of a phone.
type Record struct {
	ID string
	Condition
	Description
	ObservedAt  time.Time // of status or failure; zero: never
	DescribedAt time.Time // by a listing; zero: never
	PolledAt    time.Time // when its last poll, or a listing in place of one, ended; zero: never
	Waiting     bool      // for its next poll, not in one
	Unlisted    bool      // absent from the last whole listing
}

// Lifetimes are how long what is known is trusted.
type Lifetimes struct {
	Status time.Duration
	RPA    time.Duration // whether an automation task runs
}

// An Observation is what was found out about one phone at one time.
type Observation struct {
	ID         string
	At         time.Time
	SerialName string // "" when not told
	Status     geelark.Status
	Failure    Failure // of the lookup; then there is no status
}
