package deploy

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
)

// unchangeable returns what the API server would refuse in an upgrade from one
// manifest to another, as its validation of updates says: Kubernetes'
// pkg/apis/apps/validation and pkg/apis/core/validation.
func unchangeable(from, to manifest) []string {
	var refused []string
	for key, o := range from {
		successor, ok := to[key]
		if !ok {
			continue // Helm deletes it
		}
		same := func(field string, before, after any) {
			if !reflect.DeepEqual(before, after) {
				refused = append(refused, fmt.Sprintf("%s: %s: %v becomes %v", key, field, before, after))
			}
		}
		switch before := o.Object.(type) {
		case *apps.StatefulSet:
			same("spec", fixed(before.Spec), fixed(successor.Object.(*apps.StatefulSet).Spec))
		case *apps.Deployment:
			same("spec.selector", before.Spec.Selector, successor.Object.(*apps.Deployment).Spec.Selector)
		case *core.Service:
			after := successor.Object.(*core.Service)
			same("spec.clusterIP", before.Spec.ClusterIP, after.Spec.ClusterIP)
			if len(before.Spec.IPFamilies) > 0 && len(after.Spec.IPFamilies) > 0 {
				same("spec.ipFamilies[0]", before.Spec.IPFamilies[0], after.Spec.IPFamilies[0])
			}
		case *core.Secret:
			same("type", before.Type, successor.Object.(*core.Secret).Type)
		}
	}
	return refused
}

// fixed is a StatefulSet's spec without what may change.
func fixed(s apps.StatefulSetSpec) apps.StatefulSetSpec {
	return apps.StatefulSetSpec{
		Selector: s.Selector, ServiceName: s.ServiceName, PodManagementPolicy: s.PodManagementPolicy, VolumeClaimTemplates: s.VolumeClaimTemplates,
	}
}

func TestAReleaseIsUpgradedFromAnyValuesToAnyOthers(t *testing.T) {
	t.Parallel()
	releases := map[string]manifest{}
	for _, file := range glob(t, chart+"/ci/*-values.yaml") {
		// The name would make each a release without a common object.
		releases[filepath.Base(file)] = render(t, "--values="+file, "--set=fullnameOverride=phones", "--set=namespaceOverride=monitoring")
	}
	shards := "--values=" + chart + "/ci/shards-values.yaml"
	const one = "--set=demo.enabled=false,account.token=a,state.enabled=true"
	for name, args := range map[string][]string{
		"one shard":           {shards, "--set=shards=1"},
		"two shards":          {shards, "--set=shards=2"},
		"one replica":         {one},
		"two replicas":        {one, "--set=replicas=2"},
		"no replica":          {one, "--set=replicas=0"},
		"the node's network":  {one, "--set=hostNetwork=true,hostUsers=true,automountServiceAccountToken=true,annotations.a=b"},
		"a load balancer":     {one, "--set=service.type=LoadBalancer,service.nodePort=30000,service.loadBalancerIP=192.0.2.1"},
		"a claim":             {one, "--set=state.claim.enabled=true"},
		"a larger claim":      {one, "--set=state.claim.enabled=true,state.claim.size=1Gi"},
		"a claim for each":    {one, "--set=state.claim.enabled=true,replicas=2"},
		"a claim for shards":  {shards, "--set=state.enabled=true,state.claim.enabled=true"},
		"a volume":            {one, "--set=state.volume.hostPath.path=/srv"},
		"no state":            {one, "--set=state.enabled=false"},
		"labels":              {one, "--set=commonLabels.a=b,podLabels.c=d,service.labels.e=f"},
		"another name":        {one, "--set=nameOverride=devices"},
		"a node port":         {one, "--set=service.type=NodePort"},
		"two families":        {one, "--set=service.ipFamilyPolicy=PreferDualStack"},
		"updates by deletion": {one, "--set=updateStrategy.type=OnDelete,revisionHistoryLimit=0"},
	} {
		releases[name] = render(t, append(args, "--set=fullnameOverride=phones")...)
	}
	// What users of versions before have.
	for _, file := range glob(t, "testdata/releases/*.yaml") {
		releases[file] = parse(t, string(read(t, file)))
	}
	for before, from := range releases {
		for after, to := range releases {
			if strings.HasPrefix(after, "testdata/") && !strings.HasPrefix(before, "testdata/") {
				continue // a downgrade
			}
			for _, problem := range unchangeable(from, to) {
				t.Errorf("from %s to %s: %s", before, after, problem)
			}
		}
	}
	t.Run("which the check would notice", func(t *testing.T) {
		const service, workload = "v1 Service monitoring/phones", "apps/v1 StatefulSet monitoring/phones"
		before := releases["one shard"]
		for name, change := range map[string]func(manifest){
			"a Service without an address": func(m manifest) { m[service].Object.(*core.Service).Spec.ClusterIP = core.ClusterIPNone },
			"another selector": func(m manifest) {
				m[workload].Object.(*apps.StatefulSet).Spec.Selector.MatchLabels["a"] = "b"
			},
			"another Service": func(m manifest) { m[workload].Object.(*apps.StatefulSet).Spec.ServiceName = "phones" },
			"claims": func(m manifest) {
				m[workload].Object.(*apps.StatefulSet).Spec.VolumeClaimTemplates = make([]core.PersistentVolumeClaim, 1)
			},
			"pods one by one": func(m manifest) { m[workload].Object.(*apps.StatefulSet).Spec.PodManagementPolicy = "OrderedReady" },
		} {
			after := render(t, shards, "--set=shards=1", "--set=fullnameOverride=phones")
			if problems := unchangeable(before, after); len(problems) > 0 {
				t.Fatal(problems)
			}
			change(after)
			if len(unchangeable(before, after)) == 0 {
				t.Errorf("%s is not noticed", name)
			}
		}
	})
}

// A label selects the Service whose port monitors name, not the StatefulSet's own.
func TestEveryPodIsScrapedOnce(t *testing.T) {
	t.Parallel()
	forEachValuesFile(t, func(t *testing.T, _ string, m manifest) {
		var withPort []string
		for _, s := range of[core.Service](m) {
			if slices.ContainsFunc(s.Spec.Ports, func(p core.ServicePort) bool { return p.Name == "metrics" }) {
				withPort = append(withPort, s.Name)
			}
		}
		if len(withPort) != 1 {
			t.Errorf("Services %q have a port named metrics", withPort)
		}
		if got := m.workload(t).Spec.ServiceName; slices.Contains(withPort, got) {
			t.Errorf("the StatefulSet's Service is %s, which is not its own", got)
		}
	})
}
