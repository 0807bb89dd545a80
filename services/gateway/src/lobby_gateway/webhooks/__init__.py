"""What platforms post: the hottest path of Lobby, so nothing on it is logged, traced or awaited more than needed."""
