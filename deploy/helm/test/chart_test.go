// Package test renders the chart as Helm does and reads what comes out with Kubernetes' own types: a field
// that does not exist, or is of another type, fails. Then it looks at what the chart promises: who may
// reach whom, and with which rights programs run.
package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	admission "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

// objects are what a chart renders to, by kind and name.
type objects map[string]any

// rendered gives the chart's files with these values in the place of its own.
func rendered(values map[string]any) (map[string]string, error) {
	chart, err := loader.Load("../sandgate")
	if err != nil {
		return nil, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.33.0", Major: "1", Minor: "33"}
	all, err := chartutil.ToRenderValues(chart, values, chartutil.ReleaseOptions{Name: "sandgate", Namespace: "sandgate"}, capabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, all)
}

// render gives the chart's objects with these values in the place of its own.
func render(t *testing.T, values map[string]any) objects {
	t.Helper()
	files, err := rendered(values)
	if err != nil {
		t.Fatal(err)
	}
	found := objects{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, text := range strings.Split(files[name], "\n---") {
			var head struct {
				APIVersion, Kind string
				Metadata         struct{ Name string }
			}
			if err := yaml.Unmarshal([]byte(text), &head); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, text)
			}
			if head.Kind == "" {
				continue
			}
			object := known(head.APIVersion + " " + head.Kind)
			if object == nil {
				t.Fatalf("%s: an unknown %s %s", name, head.APIVersion, head.Kind)
			}
			if err := yaml.UnmarshalStrict([]byte(text), object); err != nil {
				t.Errorf("%s: %s %s: %v", name, head.Kind, head.Metadata.Name, err)
			}
			key := head.Kind + " " + head.Metadata.Name
			if found[key] != nil {
				t.Errorf("two of %s", key)
			}
			found[key] = object
		}
	}
	return found
}

// scaledObject is what the chart uses of KEDA's type, whose package can't be imported: it needs an old
// version of what the other packages need a new one of.
type scaledObject struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`
	Spec            struct {
		ScaleTargetRef  struct{ Name string } `json:"scaleTargetRef"`
		MinReplicaCount *int32                `json:"minReplicaCount"`
		MaxReplicaCount *int32                `json:"maxReplicaCount"`
		PollingInterval *int32                `json:"pollingInterval"`
		CooldownPeriod  *int32                `json:"cooldownPeriod"`
		Fallback        struct {
			FailureThreshold int32  `json:"failureThreshold"`
			Replicas         int32  `json:"replicas"`
			Behavior         string `json:"behavior"`
		} `json:"fallback"`
		Advanced struct {
			HorizontalPodAutoscalerConfig struct {
				Behavior autoscaling.HorizontalPodAutoscalerBehavior `json:"behavior"`
			} `json:"horizontalPodAutoscalerConfig"`
		} `json:"advanced"`
		Triggers []struct {
			Type       string                       `json:"type"`
			Name       string                       `json:"name"`
			MetricType autoscaling.MetricTargetType `json:"metricType"`
			Metadata   map[string]string            `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

func known(kind string) any {
	switch kind {
	case "apps/v1 Deployment":
		return &apps.Deployment{}
	case "v1 Service":
		return &core.Service{}
	case "v1 ConfigMap":
		return &core.ConfigMap{}
	case "autoscaling/v2 HorizontalPodAutoscaler":
		return &autoscaling.HorizontalPodAutoscaler{}
	case "policy/v1 PodDisruptionBudget":
		return &policy.PodDisruptionBudget{}
	case "networking.k8s.io/v1 NetworkPolicy":
		return &networking.NetworkPolicy{}
	case "networking.k8s.io/v1 Ingress":
		return &networking.Ingress{}
	case "keda.sh/v1alpha1 ScaledObject":
		return &scaledObject{}
	case "monitoring.coreos.com/v1 PodMonitor":
		return &monitoring.PodMonitor{}
	case "monitoring.coreos.com/v1 PrometheusRule":
		return &monitoring.PrometheusRule{}
	}
	return nil
}

// of gives the objects of a kind.
func of[T any](o objects) []T {
	var list []T
	for _, key := range slices.Sorted(maps.Keys(o)) {
		if object, ok := o[key].(T); ok {
			list = append(list, object)
		}
	}
	return list
}

func get[T any](t *testing.T, o objects, name string) T {
	t.Helper()
	object, ok := o[name].(T)
	if !ok {
		t.Fatalf("no %s", name)
	}
	return object
}

var everything = map[string]any{"ingress": map[string]any{"enabled": true, "tlsSecret": "tls"}}

var withSignIn = map[string]any{"web": map[string]any{"settings": map[string]any{
	"web_url": "https://code.example.com", "oidc_issuer": "https://id.example.com", "oidc_client_id": "sandgate",
}}}

var withCgroups = map[string]any{"worker": map[string]any{"cgroups": true, "runtimeClassName": "cgroups"}}

func TestTheChartRendersToWhatKubernetesKnows(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]any{
		"as it comes":   nil,
		"everything":    everything,
		"control group": withCgroups,
		"sign-in":       withSignIn,
		"bare":          {"autoscaling": map[string]any{"enabled": false}, "monitoring": map[string]any{"enabled": false}, "web": map[string]any{"enabled": false}},
	} {
		found := render(t, values)
		want := 4
		if name == "bare" {
			want = 3
			if n := *get[*apps.Deployment](t, found, "Deployment sandgate-worker").Spec.Replicas; n != 2 {
				t.Errorf("%d workers without an autoscaler", n)
			}
		}
		if n := len(of[*apps.Deployment](found)); n != want {
			t.Errorf("%s: %d deployments", name, n)
		}
	}
}

func TestPodsHaveNoMoreRightsThanTheyNeed(t *testing.T) {
	t.Parallel()
	evaluator, err := admission.NewEvaluator(admission.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, values := range []map[string]any{everything, withCgroups, withSignIn} {
		_, cgroups := values["worker"]
		for _, deployment := range of[*apps.Deployment](render(t, values)) {
			pod := deployment.Spec.Template
			worker := deployment.Name == "sandgate-worker"
			if *pod.Spec.AutomountServiceAccountToken {
				t.Errorf("%s gets a token of Kubernetes", deployment.Name)
			}
			var forbidden []string
			for _, result := range evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec) {
				if !result.Allowed {
					forbidden = append(forbidden, result.ForbiddenReason+": "+result.ForbiddenDetail)
				}
			}
			if !worker && len(forbidden) > 0 {
				t.Errorf("%s is not within «restricted»: %v", deployment.Name, forbidden)
			}
			if worker && len(forbidden) == 0 {
				t.Errorf("the worker is within «restricted»: then this test, and its documentation, can be stricter")
			}
			if worker && (pod.Spec.HostUsers == nil || *pod.Spec.HostUsers) {
				t.Error("the worker's users are those of the node")
			}
			for _, container := range pod.Spec.Containers {
				rights := container.SecurityContext
				added := fmt.Sprint(rights.Capabilities.Add)
				want := "[]"
				if worker && cgroups {
					want = "[SETUID SETGID SETFCAP]"
				}
				if added != want || fmt.Sprint(rights.Capabilities.Drop) != "[ALL]" {
					t.Errorf("%s: capabilities %v", deployment.Name, rights.Capabilities)
				}
				if rights.Privileged != nil || *rights.AllowPrivilegeEscalation || !*rights.ReadOnlyRootFilesystem {
					t.Errorf("%s: %v", deployment.Name, rights)
				}
				if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
					t.Errorf("%s has no bound of memory, or asks for no processor", deployment.Name)
				}
				if container.StartupProbe == nil || container.LivenessProbe == nil || container.ReadinessProbe == nil {
					t.Errorf("%s lacks a probe", deployment.Name)
				}
				for _, variable := range container.Env {
					if worker && strings.Contains(variable.Name, "TOKEN") {
						t.Errorf("a worker, which is nearest to hostile programs, is told %s", variable.Name)
					}
					secret := strings.Contains(variable.Name, "TOKEN") || strings.Contains(variable.Name, "KEY") || strings.HasSuffix(variable.Name, "SECRET") || strings.HasSuffix(variable.Name, "BASE_URL") || strings.HasSuffix(variable.Name, "REDIS_URL")
					if secret && variable.ValueFrom == nil {
						t.Errorf("%s: %s is not out of the secret", deployment.Name, variable.Name)
					}
				}
			}
			for _, volume := range pod.Spec.Volumes {
				if volume.EmptyDir == nil || volume.EmptyDir.SizeLimit.IsZero() {
					t.Errorf("%s: the volume %s is not in memory, or without a bound", deployment.Name, volume.Name)
				}
			}
		}
	}
}

// reaches says whether the policies let pods of a part reach those of another.
func reaches(o objects, from, to string) bool {
	leaves, enters := false, false
	source := labels.Set{"app.kubernetes.io/name": "sandgate", "app.kubernetes.io/instance": "sandgate", "app.kubernetes.io/component": from}
	target := labels.Set{"app.kubernetes.io/name": "sandgate", "app.kubernetes.io/instance": "sandgate", "app.kubernetes.io/component": to}
	has := func(peers []networking.NetworkPolicyPeer, pod labels.Set) bool {
		return slices.ContainsFunc(peers, func(peer networking.NetworkPolicyPeer) bool {
			return peer.PodSelector != nil && peer.NamespaceSelector == nil && labels.SelectorFromSet(peer.PodSelector.MatchLabels).Matches(pod)
		})
	}
	for _, rule := range of[*networking.NetworkPolicy](o) {
		chosen := labels.SelectorFromSet(rule.Spec.PodSelector.MatchLabels)
		for _, egress := range rule.Spec.Egress {
			leaves = leaves || chosen.Matches(source) && (len(egress.To) == 0 || has(egress.To, target))
		}
		for _, ingress := range rule.Spec.Ingress {
			enters = enters || chosen.Matches(target) && (len(ingress.From) == 0 || has(ingress.From, source))
		}
	}
	return leaves && enters
}

func TestOnlyWhoNeedsToReachesWhom(t *testing.T) {
	t.Parallel()
	found := render(t, everything)
	allowed := map[string]bool{"web gateway": true, "gateway judge0-server": true, "judge0-worker gateway": true}
	parts := []string{"web", "gateway", "judge0-server", "judge0-worker", "network"}
	for _, from := range parts {
		for _, to := range parts {
			if got := reaches(found, from, to); got != allowed[from+" "+to] {
				t.Errorf("%s reaches %s: %v", from, to, got)
			}
		}
	}
	// The world, and only it, is where gateways may go; engine and workers see databases alone.
	for _, rule := range of[*networking.NetworkPolicy](found) {
		for _, egress := range rule.Spec.Egress {
			for _, peer := range egress.To {
				if peer.IPBlock == nil || peer.IPBlock.CIDR != "0.0.0.0/0" {
					continue
				}
				if rule.Name != "sandgate-gateway" || !slices.Contains(peer.IPBlock.Except, "10.0.0.0/8") || !slices.Contains(peer.IPBlock.Except, "169.254.0.0/16") {
					t.Errorf("%s leads to %v", rule.Name, peer.IPBlock)
				}
			}
		}
	}
}

// Replicas of the web client sign cookies with one secret. With an issuer they know it, and their pods, and no
// others, reach it.
func TestPeopleOnTheWebPage(t *testing.T) {
	t.Parallel()
	for _, values := range []map[string]any{everything, withSignIn} {
		found := render(t, values)
		_, signIn := values["web"]
		variables := map[string]core.EnvVar{}
		for _, variable := range get[*apps.Deployment](t, found, "Deployment sandgate-web").Spec.Template.Spec.Containers[0].Env {
			variables[variable.Name] = variable
		}
		key := func(name string) string {
			if from := variables[name].ValueFrom; from != nil && from.SecretKeyRef.Name == "sandgate" {
				return fmt.Sprint(from.SecretKeyRef.Key, from.SecretKeyRef.Optional != nil && *from.SecretKeyRef.Optional)
			}
			return ""
		}
		if got := key("SANDGATE_WEB_SECRET"); got != "web-secretfalse" {
			t.Errorf("cookies are signed with %q", got)
		}
		want := [3]string{}
		if signIn {
			want = [3]string{"https://id.example.com", "https://code.example.com", "oidc-client-secrettrue"}
		}
		if got := [3]string{variables["SANDGATE_OIDC_ISSUER"].Value, variables["SANDGATE_WEB_URL"].Value, key("SANDGATE_OIDC_CLIENT_SECRET")}; got != want {
			t.Errorf("the web client has %q, not %q", got, want)
		}
		out := 0
		for _, egress := range get[*networking.NetworkPolicy](t, found, "NetworkPolicy sandgate-web").Spec.Egress {
			for _, peer := range egress.To {
				if peer.IPBlock == nil {
					continue
				}
				out++
				if len(egress.Ports) != 1 || egress.Ports[0].Port.IntValue() != 443 || !slices.Contains(peer.IPBlock.Except, "10.0.0.0/8") {
					t.Errorf("the web client's way out: %v to %v", egress.Ports, peer.IPBlock)
				}
			}
		}
		if (out == 1) != signIn || out > 1 {
			t.Errorf("%d ways out of the web client", out)
		}
	}
	for _, name := range []string{"web_secret", "oidc_client_secret"} {
		if _, err := rendered(map[string]any{"web": map[string]any{"settings": map[string]any{name: "x"}}}); err == nil || !strings.Contains(err.Error(), "belongs into the Secret") {
			t.Errorf("%s among the settings: %v", name, err)
		}
	}
}

// Every part has a policy of its own besides the one that denies, a budget, and a selector that finds it.
func TestSelectorsFindTheirPods(t *testing.T) {
	t.Parallel()
	found := render(t, everything)
	pods := map[string]labels.Set{}
	for _, deployment := range of[*apps.Deployment](found) {
		pods[deployment.Name] = deployment.Spec.Template.Labels
		if !labels.SelectorFromSet(deployment.Spec.Selector.MatchLabels).Matches(labels.Set(deployment.Spec.Template.Labels)) {
			t.Errorf("%s does not find its own pods", deployment.Name)
		}
	}
	chosen := func(name string, selector map[string]string, want string) {
		for deployment, pod := range pods {
			if labels.SelectorFromSet(selector).Matches(pod) != (deployment == want) {
				t.Errorf("%s chooses %s wrongly", name, deployment)
			}
		}
	}
	for _, service := range of[*core.Service](found) {
		chosen("service "+service.Name, service.Spec.Selector, service.Name)
	}
	for _, budget := range of[*policy.PodDisruptionBudget](found) {
		chosen("budget "+budget.Name, budget.Spec.Selector.MatchLabels, strings.Replace(budget.Name, "judge0-", "", 1))
	}
	for _, monitor := range of[*monitoring.PodMonitor](found) {
		chosen("monitor "+monitor.Name, monitor.Spec.Selector.MatchLabels, strings.Replace(monitor.Name, "judge0-", "", 1))
	}
	if n := len(of[*policy.PodDisruptionBudget](found)); n != len(pods) {
		t.Errorf("%d budgets for %d deployments", n, len(pods))
	}
}

func TestWorkersAreScaledByDemandAndAge(t *testing.T) {
	t.Parallel()
	scaled := get[*scaledObject](t, render(t, map[string]any{"worker": map[string]any{"slots": 4}}), "ScaledObject sandgate-worker")
	if scaled.Spec.ScaleTargetRef.Name != "sandgate-worker" || *scaled.Spec.MinReplicaCount != 2 || *scaled.Spec.MaxReplicaCount != 20 {
		t.Errorf("it scales %v", scaled.Spec)
	}
	demand, age := scaled.Spec.Triggers[0], scaled.Spec.Triggers[1]
	if demand.Metadata["threshold"] != "3.2" || !strings.Contains(demand.Metadata["query"], `max(judge0_queue_depth{namespace="sandgate"})`) {
		t.Errorf("demand: %v", demand.Metadata)
	}
	if !strings.Contains(age.Metadata["query"], "judge0_queue_oldest_seconds") {
		t.Errorf("age: %v", age.Metadata)
	}
}
