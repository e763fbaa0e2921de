package geelark

import "time"

const (
	// MaxTasks is the most tasks on one page of [Client.TaskHistory] and the most
	// ids that one [Client.Tasks] call takes.
	MaxTasks = 100

	// TaskMemory is how long the vendor lists a task: seven days from the time for
	// which it is scheduled (document "Task history").
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

// A Task is an automation task (document "Task history"), without the names that a
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
}
