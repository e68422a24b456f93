/* SPDX-License-Identifier: ISC */
/*
 * routes.c - the route table
 *
 * api/openapi.yaml describes exactly these; tests/unit/routes.c compares.
 * A fixed path comes before the variable one it would also fit.
 */

#include "control/route.h"
#include "control/routes/routes.h"
#include "lib/util.h"

const struct route routes[] = {
	{ "GET", "/health", NULL, BODY_NONE, route_health },
	{ "GET", "/capabilities", "resource:read", BODY_NONE,
	    route_capabilities },
	{ "GET", "/resources", "resource:read", BODY_NONE, route_resources },

	{ "POST", "/config", "resource:write", BODY_JSON, route_config_add },
	{ "DELETE", "/config", "resource:write", BODY_NONE,
	    route_config_delete },
	{ "POST", "/config/reload", "resource:write", BODY_NONE,
	    route_config_reload },
	{ "POST", "/log", "resource:write", BODY_JSON, route_log },

	{ "GET", "/images", "image:read", BODY_NONE, route_images_list },
	{ "POST", "/images", "image:write", BODY_JSON, route_image_create },
	{ "POST", "/images/import", "image:write", BODY_STREAM,
	    route_image_import },
	{ "POST", "/images/prune", "image:delete", BODY_JSON,
	    route_image_prune },
	{ "GET", "/images/{name}", "image:read", BODY_NONE, route_image_get },
	{ "DELETE", "/images/{name}", "image:delete", BODY_NONE,
	    route_image_delete },
	{ "GET", "/images/{name}/events", "image:read", BODY_NONE,
	    route_image_events },

	{ "GET", "/instances", "instance:read", BODY_NONE,
	    route_instances_list },
	{ "POST", "/instances", "instance:write", BODY_JSON,
	    route_instance_create },
	{ "GET", "/instances/{id}", "instance:read", BODY_NONE,
	    route_instance_get },
	{ "PATCH", "/instances/{id}", "instance:write", BODY_JSON,
	    route_instance_patch },
	{ "DELETE", "/instances/{id}", "instance:delete", BODY_NONE,
	    route_instance_delete },
	{ "POST", "/instances/{id}/start", "instance:write", BODY_JSON,
	    route_instance_start },
	{ "POST", "/instances/{id}/stop", "instance:write", BODY_JSON,
	    route_instance_stop },
	{ "POST", "/instances/{id}/pause", "instance:write", BODY_NONE,
	    route_instance_pause },
	{ "POST", "/instances/{id}/resume", "instance:write", BODY_NONE,
	    route_instance_resume },
	{ "POST", "/instances/{id}/reset", "instance:write", BODY_NONE,
	    route_instance_reset },
	{ "POST", "/instances/{id}/standby", "instance:write", BODY_JSON,
	    route_instance_standby },
	{ "POST", "/instances/{id}/restore", "instance:write", BODY_NONE,
	    route_instance_restore },
	{ "POST", "/instances/{id}/fork", "instance:write", BODY_JSON,
	    route_instance_fork },
	{ "GET", "/instances/{id}/snapshots", "snapshot:read", BODY_NONE,
	    route_instance_snapshots },
	{ "POST", "/instances/{id}/snapshots", "snapshot:write", BODY_JSON,
	    route_snapshot_create },
	{ "POST", "/instances/{id}/snapshots/{snapshotId}/restore",
	    "snapshot:write", BODY_JSON, route_snapshot_restore },
	{ "GET", "/instances/{id}/wait", "instance:read", BODY_NONE,
	    route_instance_wait },
	{ "GET", "/instances/{id}/stats", "instance:read", BODY_NONE,
	    route_instance_stats },
	{ "GET", "/instances/{id}/stat", "instance:read", BODY_NONE,
	    route_instance_stat },
	{ "GET", "/instances/{id}/logs", "instance:read", BODY_NONE,
	    route_instance_logs },
	{ "GET", "/instances/{id}/exec", "instance:write", BODY_NONE,
	    route_instance_exec },
	{ "GET", "/instances/{id}/cp", "instance:write", BODY_NONE,
	    route_instance_cp },
	{ "GET", "/instances/{id}/console", "instance:write", BODY_NONE,
	    route_instance_console },

	{ "GET", "/instances/{id}/send", "instance:delete", BODY_NONE,
	    route_instance_send },
	{ "GET", "/receive", "instance:write", BODY_NONE, route_receive },

	{ "GET", "/snapshots", "snapshot:read", BODY_NONE,
	    route_snapshots_list },
	{ "GET", "/snapshots/{id}", "snapshot:read", BODY_NONE,
	    route_snapshot_get },
	{ "DELETE", "/snapshots/{id}", "snapshot:delete", BODY_NONE,
	    route_snapshot_delete },
	{ "POST", "/snapshots/{id}/fork", "snapshot:write", BODY_JSON,
	    route_snapshot_fork },

	{ "GET", "/volumes", "volume:read", BODY_NONE, route_volumes_list },
	{ "POST", "/volumes", "volume:write", BODY_JSON, route_volume_create },
	{ "GET", "/volumes/{id}", "volume:read", BODY_NONE, route_volume_get },
	{ "DELETE", "/volumes/{id}", "volume:delete", BODY_NONE,
	    route_volume_delete },
};
const size_t nroutes = COUNT(routes);
