"""The stages as ROS 2 nodes. Threads, clocks, rclpy and message packages live here and nowhere else."""
