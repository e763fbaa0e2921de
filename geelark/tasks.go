package geelark

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// MaxTasks is the most tasks on one page of [Client.TaskHistory] and the most
	// ids that one [Client.Tasks] call takes.
	MaxTasks = 100

	// TaskMemory is how long the vendor lists a task: seven days from the time for
	// which it is scheduled (document "Batch query tasks").
	TaskMemory = 7 * 24 * time.Hour
)

// A TaskType is what an automation task does.
type TaskType int

// The documented types.
const (
	TaskTikTokVideo    TaskType = 1
	TaskTikTokWarmup   TaskType = 2
	TaskTikTokCarousel TaskType = 3
	TaskTikTokLogin    TaskType = 4
	TaskTikTokProfile  TaskType = 6
	TaskCustom         TaskType = 42
)

// String returns the type in the words of metric labels: "tiktok_video",
// "tiktok_warmup", "tiktok_carousel", "tiktok_login", "tiktok_profile", "custom",
// and "other" for any other: the vendor has more than it documents.
func (t TaskType) String() string {
	switch t {
	case TaskTikTokVideo:
		return "tiktok_video"
	case TaskTikTokWarmup:
		return "tiktok_warmup"
	case TaskTikTokCarousel:
		return "tiktok_carousel"
	case TaskTikTokLogin:
		return "tiktok_login"
	case TaskTikTokProfile:
		return "tiktok_profile"
	case TaskCustom:
		return "custom"
	}
	return "other"
}

// A TaskStatus is how far a task has come.
type TaskStatus int

// The documented statuses.
const (
	TaskWaiting    TaskStatus = 1
	TaskInProgress TaskStatus = 2
	TaskCompleted  TaskStatus = 3
	TaskFailed     TaskStatus = 4
	TaskCancelled  TaskStatus = 7
)

// Ended reports whether the status is a task's last one.
func (s TaskStatus) Ended() bool { return s == TaskCompleted || s == TaskFailed || s == TaskCancelled }

// String returns the status in the words of metric labels: "waiting",
// "in_progress", "completed", "failed", "cancelled", and "unknown" for any other.
func (s TaskStatus) String() string {
	switch s {
	case TaskWaiting:
		return "waiting"
	case TaskInProgress:
		return "in_progress"
	case TaskCompleted:
		return "completed"
	case TaskFailed:
		return "failed"
	case TaskCancelled:
		return "cancelled"
	}
	return "unknown"
}

// A Task is an automation task (document "Batch query tasks"), without the names that a
// team gave it.
type Task struct {
	ID        string
	PhoneID   string
	Type      TaskType
	Status    TaskStatus
	Scheduled time.Time     // for when; zero when that is not told
	FailCode  Code          // of one that failed, 0 when that is not told
	Took      time.Duration // until it was completed or failed, 0 when that is not told
}

// A TaskPage is one page of the history. The order is not documented.
type TaskPage struct {
	Total   int
	Tasks   []Task
	Last    string // the id with which the next page is asked for, "" for none
	Skipped int    // items that were left out for want of a legible id or status
	// Oddities are fields of other kinds than the documented ones, at most 100.
	Oddities []Oddity
}

type taskData struct {
	TaskPage
	total  Optional[int]
	noList bool
	query  bool // the answer is about ids, and a total is of no use
}

func (d *taskData) read(r *reader) {
	*d = taskData{query: d.query}
	r.object(func(name []byte) {
		switch string(name) {
		case "total":
			d.total = integer[int](r)
		case "items":
			d.TaskPage = TaskPage{}
			isNull := r.isNull()
			d.noList = !r.list(func() { d.readTask(r) }) && !isNull
		}
	})
	d.Total, _ = d.total.Get()
}

func (d *taskData) readTask(r *reader) {
	var t Task
	var status Optional[TaskStatus]
	mark := r.mark()
	r.object(func(name []byte) {
		switch string(name) {
		case "id":
			t.ID = r.id()
		case "envId":
			t.PhoneID = r.id()
		case "taskType":
			t.Type = integer[TaskType](r).Or(0)
		case "status":
			status = integer[TaskStatus](r)
		case "scheduleAt":
			t.Scheduled = r.seconds()
		case "failCode":
			t.FailCode = integer[Code](r).Or(0)
		case "cost":
			if n := max(0, integer[int](r).Or(0)); n < int(TaskMemory/time.Second) {
				t.Took = time.Duration(n) * time.Second
			}
		}
	})
	d.Oddities = appendOddities(d.Oddities, t.ID, r.oddSince(mark))
	if t.ID != "" {
		d.Last = t.ID
	}
	var told bool
	if t.Status, told = status.Get(); t.ID == "" || !told {
		d.Skipped++
		return
	}
	d.Tasks = append(d.Tasks, t)
}

func (d *taskData) accepts(Code) bool { return false }

func (d *taskData) check() error {
	switch total, ok := d.total.Get(); {
	case !d.query && (!ok || total < 0):
		return errors.New("the answer has no total that can be read")
	case d.noList:
		return errors.New("the answer's items are no list")
	}
	return nil
}

// TaskHistory returns one page, of 1 to [MaxTasks] tasks, of those that were
// scheduled within the last seven days (document "Batch query tasks" of the [API
// reference]): behind the task last, or the first page when that is "". Their
// order is not documented. Its errors are those of [Client.PhoneStatus].
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c *Client) TaskHistory(ctx context.Context, last string, size int) (*TaskPage, error) {
	if size < 1 || size > MaxTasks {
		return nil, fmt.Errorf("%s: takes pages of 1 to %d tasks, not %d", EndpointTaskHistory, MaxTasks, size)
	}
	params := struct {
		Size int    `json:"size"`
		Last string `json:"lastId,omitempty"`
	}{size, last}
	var d taskData
	if _, err := c.call(ctx, EndpointTaskHistory, nil, params, &d); err != nil {
		return nil, err
	}
	return &d.TaskPage, nil
}

// Tasks returns what is known of 1 to [MaxTasks] tasks (document "Query task" of
// the [API reference]). An id that the vendor does not know has none. Its errors
// are those of [Client.PhoneStatus].
//
// [API reference]: https://doc.geelark.com/web/#/602813392
func (c *Client) Tasks(ctx context.Context, ids []string) ([]Task, error) {
	if len(ids) < 1 || len(ids) > MaxTasks {
		return nil, fmt.Errorf("%s: takes 1 to %d ids, not %d", EndpointTaskQuery, MaxTasks, len(ids))
	}
	d := taskData{query: true}
	if _, err := c.call(ctx, EndpointTaskQuery, nil, map[string][]string{"ids": ids}, &d); err != nil {
		return nil, err
	}
	return d.Tasks, nil
}
