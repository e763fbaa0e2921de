package watch

import (
	"context"
	"time"

	"github.com/go-kit/log"

	"geelark_exporter/collector/tasks"
	"geelark_exporter/geelark"
)

const (
	// tasksInterval is how often tasks are read.
	tasksInterval = time.Minute
	// tasksCalls are the most calls of a turn.
	tasksCalls = 20
	// overdueAfter is how long a task may wait behind its time: phones take some
	// minutes to start, and do one task after the other.
	overdueAfter = 10 * time.Minute
)

// Tasks are an account's automation tasks since counting began.
type Tasks struct {
	Open     map[tasks.End]int        // by type and status
	Overdue  map[geelark.TaskType]int // open ones that wait for more than ten minutes
	Ended    map[tasks.End]int
	Failed   map[tasks.Cause]int
	Failures []tasks.Failure           // the last, the latest first
	Failing  map[geelark.TaskCause]int // phones with a task that failed within the last hour
}

// taskWatch follows the account's automation tasks.
type taskWatch struct {
	*job
	client  *geelark.Client
	tracker *tasks.Tracker
	reader  *tasks.Reader
	kept    *keeper
}

func newTaskWatch(a *Account, o *Options, logger log.Logger) *taskWatch {
	name, observer := a.name, o.Observer
	kept := new(keeper)
	t := &taskWatch{client: a.client, kept: kept, tracker: tasks.New(o.Now(), func(c tasks.Change) { kept.append(c) }, func(typ geelark.TaskType, status geelark.TaskStatus, d time.Duration) {
		observer.TaskEnded(name, typ, status, d)
	})}
	t.reader = tasks.NewReader(t.tracker, a.client, o.Now)
	t.job = &job{
		workers: a.workers, interval: tasksInterval, retry: tasksInterval, work: t.turn, notify: a.scrapes.notify,
		now:    o.Now,
		record: a.telling(CollectorTasks, NewFailureLog("Reading tasks", "what is known of them is kept", logger, o.Now)),
	}
	return t
}

// turn reads what is new.
func (t *taskWatch) turn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tasksInterval)
	defer cancel()
	defer t.client.CloseIdleConnections() // their buffers hold what people have called their tasks
	return t.reader.Turn(ctx, tasksCalls)
}

func (t *taskWatch) inherit(from *taskWatch) {
	t.job.inherit(from.job)
	t.tracker, t.reader, t.kept = from.tracker, from.reader.With(t.reader), from.kept
}

// Tasks returns what is known of the account's tasks.
func (a *Account) Tasks() Tasks {
	t := a.tasks.tracker
	now := a.now()
	open, overdue := t.Open(now, overdueAfter)
	return Tasks{Open: open, Overdue: overdue, Ended: t.Ends(), Failed: t.Causes(), Failures: t.Failures(), Failing: t.Failing(now)}
}
