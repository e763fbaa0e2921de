package collector

import (
	"geelark_exporter/collector/exposition"
	"geelark_exporter/collector/tasks"
	"geelark_exporter/collector/watch"
	"geelark_exporter/geelark"
)

var (
	tasksFamily = newFamily("geelark_tasks",
		"Open automation tasks by type and status.",
		"account", "type", "status")
	tasksOverdueFamily = newFamily("geelark_tasks_overdue",
		"Automation tasks that have waited for more than ten minutes since the time for which they are scheduled.",
		"account", "type")
	tasksFinishedFamily = newCounterFamily("geelark_tasks_finished_total",
		"Automation tasks that have ended since counting began, by type and last status.",
		"account", "type", "status")
	taskFailuresFamily = newCounterFamily("geelark_task_failures_total",
		"Automation tasks that have failed since counting began, by type and the vendor's failure code.",
		"account", "type", "reason")
	phonesWithFailedTasksFamily = newFamily("geelark_phones_with_failed_tasks",
		"Phones with an automation task that failed within the last hour, by what it failed for: other are codes that tell of one task alone.",
		"account", "cause")
)

var taskFamilies = []*family{tasksFamily, tasksOverdueFamily, tasksFinishedFamily, taskFailuresFamily, phonesWithFailedTasksFamily}

// taskTypes always have their series.
var taskTypes = []geelark.TaskType{
	geelark.TaskTikTokVideo, geelark.TaskTikTokWarmup, geelark.TaskTikTokCarousel, geelark.TaskTikTokLogin,
	geelark.TaskTikTokProfile, geelark.TaskCustom,
}

// collectTasks exposes an account's automation tasks. Types that are not
// documented are one.
func collectTasks(to *exposition.Samples, a *watch.Account) {
	t := a.Tasks()
	type at struct{ typ, what string }
	open, ended, failed := make(map[at]int), make(map[at]int), make(map[at]int)
	overdue := make(map[string]int)
	for _, typ := range taskTypes {
		overdue[typ.String()] = 0
		for _, s := range []geelark.TaskStatus{geelark.TaskWaiting, geelark.TaskInProgress} {
			open[at{typ.String(), s.String()}] = 0
		}
		for _, s := range []geelark.TaskStatus{geelark.TaskCompleted, geelark.TaskFailed, geelark.TaskCancelled} {
			ended[at{typ.String(), s.String()}] = 0
		}
	}
	for k, n := range t.Open {
		open[at{k.Type.String(), k.Status.String()}] += n
	}
	for typ, n := range t.Overdue {
		overdue[typ.String()] += n
	}
	for k, n := range t.Ended {
		ended[at{k.Type.String(), k.Status.String()}] += n
	}
	for k, n := range t.Failed {
		failed[at{k.Type.String(), taskReason(k.Code)}] += n
	}
	for k, n := range open {
		to.Gauge(tasksFamily.paged, float64(n), a.Name(), k.typ, k.what)
	}
	for typ, n := range overdue {
		to.Gauge(tasksOverdueFamily.paged, float64(n), a.Name(), typ)
	}
	for k, n := range ended {
		to.Counter(tasksFinishedFamily.paged, float64(n), a.Name(), k.typ, k.what)
	}
	for k, n := range failed {
		to.Counter(taskFailuresFamily.paged, float64(n), a.Name(), k.typ, k.what)
	}
	for _, cause := range geelark.TaskCauses() {
		to.Gauge(phonesWithFailedTasksFamily.paged, float64(t.Failing[cause]), a.Name(), string(cause))
	}
}

// taskReason is a failure code as a label value.
func taskReason(c geelark.Code) string {
	switch c {
	case 0:
		return "unknown"
	case tasks.OtherCode:
		return "other"
	}
	return codeLabel(c)
}
