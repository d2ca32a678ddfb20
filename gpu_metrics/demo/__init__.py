"""A reference set with competing submissions, made of photographs that a package ships."""

from gpu_metrics.demo.build import DemoSet, build_demo

__all__ = ["DemoSet", "build_demo"]
