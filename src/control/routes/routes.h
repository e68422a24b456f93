/* SPDX-License-Identifier: ISC */
/* routes.h - the handlers of the route table, one a row */

#ifndef CONTROL_ROUTES_ROUTES_H
#define CONTROL_ROUTES_ROUTES_H

struct request;

void	route_health(struct request *);
void	route_capabilities(struct request *);
void	route_resources(struct request *);

void	route_config_add(struct request *);
void	route_config_delete(struct request *);
void	route_config_reload(struct request *);
void	route_log(struct request *);

void	route_images_list(struct request *);
void	route_image_create(struct request *);
void	route_image_get(struct request *);
void	route_image_delete(struct request *);
void	route_image_events(struct request *);
void	route_image_import(struct request *);
void	route_image_prune(struct request *);

void	route_instances_list(struct request *);
void	route_instance_create(struct request *);
void	route_instance_get(struct request *);
void	route_instance_patch(struct request *);
void	route_instance_delete(struct request *);
void	route_instance_start(struct request *);
void	route_instance_stop(struct request *);
void	route_instance_pause(struct request *);
void	route_instance_resume(struct request *);
void	route_instance_reset(struct request *);
void	route_instance_standby(struct request *);
void	route_instance_restore(struct request *);
void	route_instance_fork(struct request *);
void	route_instance_snapshots(struct request *);
void	route_instance_wait(struct request *);
void	route_instance_stats(struct request *);
void	route_instance_stat(struct request *);
void	route_instance_logs(struct request *);
void	route_instance_exec(struct request *);
void	route_instance_cp(struct request *);
void	route_instance_console(struct request *);
void	route_instance_send(struct request *);
void	route_receive(struct request *);

void	route_snapshots_list(struct request *);
void	route_snapshot_create(struct request *);
void	route_snapshot_get(struct request *);
void	route_snapshot_delete(struct request *);
void	route_snapshot_restore(struct request *);
void	route_snapshot_fork(struct request *);

void	route_volumes_list(struct request *);
void	route_volume_create(struct request *);
void	route_volume_get(struct request *);
void	route_volume_delete(struct request *);

#endif
