package watch

import (
	"time"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// An Observer is told what happens while accounts are watched, by several
// goroutines at once. It must not block, and not use the watcher.
type Observer interface {
	// AccountAdded tells of an account before its first request, and of one
	// that has changed again.
	AccountAdded(*Account)
	// AccountRemoved tells that an account has gone, after its last request.
	AccountRemoved(account string)
	// RequestSent tells of a request that was answered or has failed.
	RequestSent(account string, r geelark.Request)
	// LookupsFailed tells of n lookups of phones that failed, and those that did in
	// earlier processes when the account is new.
	LookupsFailed(account string, f phones.Failure, n int)
	// ItemsSkipped tells of items of the account's list that name no phone.
	ItemsSkipped(account string, n int)
	// PhonesDropped tells of phones that are not tracked any more, and those of
	// earlier processes when the account is new.
	PhonesDropped(account string, reason DropReason, n int)
	// TaskEnded tells of a task that was completed or failed after a time.
	TaskEnded(account string, t geelark.TaskType, s geelark.TaskStatus, took time.Duration)
	// Panicked tells of a panic that ended a call and nothing else: a bug.
	Panicked()
}

// A DropReason is why phones are not tracked any more.
type DropReason string

// The reasons why phones are not tracked any more.
const (
	DroppedNotFound   DropReason = "not_found"  // their own lookups say that they do not exist
	DroppedUnlisted   DropReason = "unlisted"   // the account's list lacks them
	DroppedUnselected DropReason = "unselected" // no configuration, ids file or filter names them
)

// DropReasons returns every reason.
func DropReasons() []DropReason {
	return []DropReason{DroppedNotFound, DroppedUnlisted, DroppedUnselected}
}

// nobody observes.
type nobody struct{}

func (nobody) AccountAdded(*Account)                                                 {}
func (nobody) AccountRemoved(string)                                                 {}
func (nobody) RequestSent(string, geelark.Request)                                   {}
func (nobody) LookupsFailed(string, phones.Failure, int)                             {}
func (nobody) ItemsSkipped(string, int)                                              {}
func (nobody) PhonesDropped(string, DropReason, int)                                 {}
func (nobody) TaskEnded(string, geelark.TaskType, geelark.TaskStatus, time.Duration) {}
func (nobody) Panicked()                                                             {}
